"""The commands ``osiris staging …``: what is done with the results that tasks have left."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import click

from osiris_provider.cli.groups import Group, json_option
from osiris_provider.cli.output import INTERRUPTED, UNHEALTHY, reported, say, write, write_json
from osiris_provider.errors import ConnectionConfigError, OsirisError

OpenStore: TypeAlias = Callable[[str], tuple[Any, str]]
"""From a URL to an fsspec file system and the path in it."""


def open_store(url: str) -> tuple[Any, str]:
    """Open a staging URL without Airflow: object stores take their credentials from the environment.

    :param url: such as ``file:///mnt/staging`` or ``s3://bucket/staging``.
    :raises ConnectionConfigError: it is no URL, or names an Airflow connection, which only Airflow can resolve.
    :raises ConnectorError: its server is not reached, or denies access.
    :raises MissingPackageError: nothing that is installed can reach it.
    """
    from fsspec.core import url_to_fs

    from osiris_provider.storage.faults import attempt, public
    from osiris_provider.storage.files import check_url, missing_package
    from osiris_provider.storage.s3 import without_redirects

    check_url(url)
    parts = urlsplit(url)
    if parts.scheme and "@" in parts.netloc and ":" not in parts.netloc.rpartition("@")[0]:
        conn_id, _, bucket = parts.netloc.rpartition("@")
        message = (
            f"The URL names the Airflow connection {conn_id}. Run the command as airflow osiris …, which knows it; "
            f"or give --url {parts.scheme}://{bucket}{parts.path} and the credentials in the environment."
        )
        raise ConnectionConfigError(message)
    problem: OsirisError
    try:
        # Some log in to their server here.
        fs, path = attempt(url, url_to_fs, url)
    except OsirisError as error:
        problem = error
    except (ImportError, ValueError):
        problem = missing_package(parts.scheme)
    except Exception as error:  # noqa: BLE001 - whatever the file system of somebody else raises
        problem = ConnectionConfigError(f"{public(url)} cannot be opened: it fails with {type(error).__name__}.")
    else:
        return without_redirects(fs), path
    raise problem


def _duration(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([wdhms])", value)
    if match is None or not int(match[1]):
        message = f"{value!r} is not a time such as 7d, 12h or 30m."
        raise click.BadParameter(message)
    from osiris_provider.pipelines.model import UNITS

    return timedelta(**{UNITS[match[2]]: int(match[1])})


@click.group(cls=Group)
def staging() -> None:
    """Look after the results that tasks have left in the staging area."""


@staging.command()
@click.option(
    "--older-than",
    callback=_duration,
    required=True,
    metavar="TIME",
    help="Such as 7d, 12h or 30m: longer than the longest run of a DAG, with its retries.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.option("--url", metavar="URL", help="The staging area. Without it, the osiris option staging_url.")
@json_option
@click.pass_obj
def gc(opener: OpenStore | None, older_than: timedelta, dry_run: bool, url: str | None, as_json: bool) -> int:
    """Remove results, and partial uploads of killed tasks, that are older than a time.

    Nothing else is touched, and links are not followed. Exit code 1: something could not be removed.
    """
    from osiris_provider.runtime.cleanup import OldFile, remove_old
    from osiris_provider.runtime.staging import staging_url
    from osiris_provider.storage.faults import public

    files: list[OldFile] = []
    interrupted = False
    with reported(as_json):
        area = staging_url() if url is None else url
        fs, root = (opener or open_store)(area)
        try:
            files.extend(remove_old(fs, root, area.rstrip("/"), older_than, dry_run=dry_run))
        except KeyboardInterrupt:
            interrupted = True
    _show(files, public(area), dry_run, as_json)
    if interrupted:
        return INTERRUPTED
    return UNHEALTHY if any(old.problem for old in files) else 0


def _show(old_files: list[Any], url: str, dry_run: bool, as_json: bool) -> None:
    failed = [old for old in old_files if old.problem]
    removed = [old for old in old_files if not old.problem]
    size = sum(old.bytes for old in removed)
    if as_json:
        files = [{"path": old.path, "bytes": old.bytes, "modified": old.modified.isoformat()} for old in removed]
        failures = [{"path": old.path, "message": old.problem} for old in failed]
        counts = {"files": len(removed), "bytes": size}
        write_json({"url": url, "dry_run": dry_run, **counts, "removed": files, "failed": failures})
        return
    from osiris_provider.cli.tables import removed_table, render

    if removed:
        write(render(removed_table(removed)))
    for old in failed:
        say(f"error: {old.problem}")
    verb = "would be removed from" if dry_run else "removed from"
    say(f"{len(removed)} files, {size:,} bytes {verb} {url}")
