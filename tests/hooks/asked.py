"""A check as users ask for it, with all that is promised of any check: in time, and nothing of it is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.hook_doctor.processes import servers
from osiris_provider.net.deadline import Deadline

from tests.hooks.case import PASSWORD, WRONG, Case

GRACE = 0.5
"""Seconds after its deadline that an answer may come at the latest."""
IMPORTS = 90.0
"""Seconds that a machine under load needs to import the largest provider."""
GONE_SECONDS = 2.0
"""In which the system has ended what has been killed."""


@dataclass(frozen=True)
class Verdict:
    """What a check has said.

    :param shown: all that can be seen of it.
    """

    category: str
    fault: str
    proven: bool
    shown: str


def asked(case: Case, connection: HookConnection, seconds: float) -> Verdict:
    """Check a connection, and see that the answer is in time, that nothing is left, and that no secret was shown.

    :param seconds: until the deadline; what the provider has to import is imported before.
    """
    servers().warm([connection.conn_type], Deadline(IMPORTS))
    with watched() as seen:
        began = time.monotonic()
        verdict = _by_family(connection, seconds) if case.by_family else _by_hook(connection, seconds)
        took = time.monotonic() - began
    assert took < seconds + GRACE, verdict
    assert not left(), verdict
    secrets = secrets_of(connection)
    assert not [text for text in (verdict.shown, *seen) if any(secret in text for secret in secrets)]
    return verdict


def secrets_of(connection: HookConnection) -> set[str]:
    """Return what must not be seen anywhere; ``extra`` has other texts too."""
    return {PASSWORD, WRONG} | ({connection.password} if connection.password else set())


def _by_hook(connection: HookConnection, seconds: float) -> Verdict:
    try:
        details = check_hook(connection, Deadline(seconds))
    except ConnectorError as error:
        shown = f"{error!s} {error!r} {error.__dict__!r} {error.__cause__!r} {error.__context__!r}"
        return Verdict(str(error.category), error.fault.slug, False, shown)
    return Verdict("ok", "", bool(details.get("proven", True)), str(details))


def _by_family(connection: HookConnection, seconds: float) -> Verdict:
    slots = ("conn_type", "host", "login", "password", "port", "schema")
    given = {name: value for name in slots if (value := getattr(connection, name)) is not None}
    resolved = {"family": "airflow", "alias": connection.conn_id, **given, "extra": dict(connection.extra)}
    _, report = get_connector("airflow").doctor(resolved, seconds)
    details = report["details"]
    return Verdict(report["category"], details.get("fault", ""), bool(details.get("proven", True)), str(report))


@contextmanager
def watched() -> Iterator[list[str]]:
    """Look at what others may see of our processes, and at their environment, until the block ends."""
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for process in psutil.Process().children(recursive=True):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        seen.append(Path(f"/proc/{process.pid}/{name}").read_text(errors="replace"))
            stop.wait(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def left() -> list[psutil.Process]:
    """Return processes of checks that are there a moment later: all but the servers that wait for the next."""
    deadline = time.monotonic() + GONE_SECONDS
    while (actual := _checks()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return actual


def _checks() -> list[psutil.Process]:
    """Return what the servers of types have forked, and what of the main server's children is none of these."""
    state = servers()
    if state._process is None:  # noqa: SLF001 - nothing else tells them apart
        return []
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(state._process.pid).children()  # noqa: SLF001 - as above
        surplus = children[len(state._types) :]  # noqa: SLF001 - as above
        return surplus + [grandchild for child in children for grandchild in child.children(recursive=True)]
    return []
