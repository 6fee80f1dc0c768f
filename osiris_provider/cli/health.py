"""The command ``osiris health``: what the page *Connections health* shows, from Airflow's REST API."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from osiris_provider.cli.groups import Command, json_option
from osiris_provider.cli.output import UNHEALTHY, reported, say, write, write_json
from osiris_provider.errors import ConnectionConfigError, ConnectorError

PATH: Final = "osiris/health/connections"
SECONDS: Final = 30.0
"""For the whole command; a month of 500 connections is read in a few answers."""
PAUSE: Final = 0.1
SOON: Final = 30
"""Days before an expiry is shown, as on the page."""
HEADS: Final = ("connection", "status", "for", "checked", "latency", "30 days", "message")

url_option = click.option("--url", metavar="URL", help="Of Airflow. Without it, the osiris option api_url.")
ca_option = click.option("--ca-bundle", metavar="PATH", help="PEM file of a private CA to trust besides public ones.")


@click.command(cls=Command)
@url_option
@ca_option
@click.option("--unhealthy", is_flag=True, help="Only connections that are unhealthy or overdue.")
@json_option
def health(url: str | None, ca_bundle: str | None, unhealthy: bool, as_json: bool) -> int:
    """Show the last verdict and 30 days of every connection that Airflow checks.

    Asks Airflow's API server, which needs this package. Who asks is in the environment, never on the command line:
    AIRFLOW__OSIRIS__API_TOKEN, or AIRFLOW__OSIRIS__API_USER and AIRFLOW__OSIRIS__API_PASSWORD; or in airflow.cfg as
    api_token, api_user, api_password of section osiris. As in Airflow, API_TOKEN_CMD and API_PASSWORD_CMD are commands
    that write them. Exit code 0: all are healthy, 1: some are not, or checks have stopped, 3: Airflow does not tell.
    """
    with reported(as_json):
        answer = _listing(url, ca_bundle)
    listed = [one for one in answer["connections"] if not unhealthy or one["health"] == "unhealthy" or one["overdue"]]
    if as_json:
        write_json({**answer, "connections": listed})
    elif listed:
        write(_table(listed))
    say(_said(answer))
    sick = any(one["health"] == "unhealthy" for one in answer["connections"])
    return UNHEALTHY if sick or answer["stopped"] else 0


def _listing(url: str | None, ca_bundle: str | None) -> dict[str, Any]:
    """Return the answer of the page's route, with all of its days."""
    from osiris_provider.connections.settings import secret_setting, setting

    base = url or setting("api_url") or os.environ.get("AIRFLOW__API__BASE_URL")
    if not base:
        message = "Where is Airflow? Give --url, or set api_url of section osiris: AIRFLOW__OSIRIS__API_URL."
        raise ConnectionConfigError(message)
    fields: dict[str, Any] = {"base_url": base, "timeout": SECONDS}
    if ca_bundle:
        fields["ca_bundle"] = ca_bundle
    token = secret_setting("api_token") or _log_in(fields)
    end = time.monotonic() + SECONDS
    while True:
        answer = _asked({**fields, "token": token}, "GET", PATH)
        if not _is_listing(answer):
            message = (
                "What answers is no page of connections' health. Check api_url, and Airflow's version of this package."
            )
            raise ConnectionConfigError(message)
        if answer["complete"] or time.monotonic() > end:
            return dict(answer)
        time.sleep(PAUSE)


def _log_in(fields: Mapping[str, Any]) -> str:
    """Return a token for user and password."""
    from osiris_provider.connections.settings import secret_setting, setting

    user = setting("api_user")
    password = user and secret_setting("api_password")
    if not (user and password):
        message = (
            "Who asks? Set AIRFLOW__OSIRIS__API_TOKEN, or AIRFLOW__OSIRIS__API_USER and AIRFLOW__OSIRIS__API_PASSWORD."
        )
        raise ConnectionConfigError(message)
    answer = _asked(fields, "POST", "auth/token", json={"username": user, "password": password})
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str):
        message = "Airflow has answered the login with no token. Its auth manager may have another way; set api_token."
        raise ConnectionConfigError(message)
    return token


def _asked(fields: Mapping[str, Any], method: str, path: str, **options: Any) -> Any:
    """Return the JSON of an answer; the client is that of family ``api``, with all that it guards against."""
    from osiris_provider.connections.resolved import ResolvedConnection
    from osiris_provider.connectors.api import ApiConnection, ApiConnector
    from osiris_provider.net.deadline import Deadline

    connector = ApiConnector()
    resolved = ResolvedConnection({**fields, "family": "api", "alias": None}, ApiConnection)
    try:
        model = resolved.model
    except ConnectionConfigError as error:
        problem = str(error).replace("The connection: field base_url:", "--url, or api_url of section osiris,")
        raise error.restated(problem) from None
    session = connector.open_client(model, Deadline(SECONDS))
    try:
        _, answer, _ = connector.translate_errors(resolved, lambda: connector.fetch(session, method, path, **options))
    except ConnectorError as error:
        if error.fault.slug != "not_found":
            raise
        message = f"{fields['base_url']} has no {path}. Install this package where Airflow's API server runs."
    else:
        return json.loads(answer.body)
    finally:
        connector.close_client(session)
    raise ConnectionConfigError(message)


def _is_listing(answer: Any) -> bool:
    """Return whether an answer has what is read of it."""
    needed = ("connections", "complete", "stopped", "total", "history_since", "generated_at")
    if not (isinstance(answer, dict) and all(name in answer for name in needed)):
        return False
    rows = answer["connections"]
    return isinstance(rows, list) and all(isinstance(one, dict) and _is_row(one) for one in rows)


def _is_row(one: Mapping[str, Any]) -> bool:
    """Return whether an entry has what a row of the table shows, in the types that it has there."""
    texts = all(isinstance(one.get(name), str) for name in ("reference", "label", "health", "message"))
    moments = all(_is_moment(one.get(name)) for name in ("since", "last_check"))
    numbers = all(name in one and _is_number(one[name]) for name in ("latency_ms", "uptime"))
    return texts and moments and numbers and isinstance(one.get("overdue"), bool)


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))


def _is_moment(value: object) -> bool:
    from datetime import datetime

    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _table(listed: list[dict[str, Any]]) -> str:
    from osiris_provider.cli.listing import aligned

    rows = [_row(one) for one in listed]
    text = aligned(HEADS, rows)
    if text is not None:
        return text
    # Too wide for this terminal: the message below the rest.
    from osiris_provider.messages import printable

    return "\n".join(f"{'  '.join(filter(None, map(printable, row[:-1])))}\n    {printable(row[-1])}" for row in rows)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    latency = "" if one["latency_ms"] is None else f"{one['latency_ms']} ms"
    checked = f"{_ago(one['last_check'])} ago" + (", overdue" if one["overdue"] else "")
    uptime = "" if one["uptime"] is None else f"{int(one['uptime'] * 10_000) / 100:g} %"
    lasted = _ago(one["since"]) + ("" if one.get("since_is_exact") else " or longer")
    message = " ".join([one["message"], *_expiries(one.get("expires"))])
    return str(one["reference"]), str(one["label"]), lasted, checked, latency, uptime, message


def _expiries(listed: object) -> list[str]:
    """Return a sentence for each of what expires soon, as the page has it."""
    from datetime import datetime, timezone

    sentences = []
    for expiry in listed if isinstance(listed, list) else []:
        if isinstance(expiry, dict) and isinstance(expiry.get("what"), str) and _is_moment(expiry.get("at")):
            days = (datetime.fromisoformat(expiry["at"]) - datetime.now(timezone.utc)).days
            when = "has expired" if days < 0 else f"expires in {days} d" if days else "expires within a day"
            sentences += [f"{expiry['what'] or 'Something'} {when}."] if days <= SOON else []
    return sentences


def _ago(moment: str) -> str:
    from datetime import datetime, timezone

    seconds = int((datetime.now(timezone.utc) - datetime.fromisoformat(moment)).total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def _said(answer: Mapping[str, Any]) -> str:
    if not answer["connections"]:
        return "No connection has been checked in the last 30 days. See docs/health.md."
    healthy = sum(one["health"] == "healthy" for one in answer["connections"])
    stopped = "; checks have stopped" if answer["stopped"] else ""
    return f"{healthy} of {answer['total']} healthy{stopped}; history since {str(answer['history_since'])[:10]}"
