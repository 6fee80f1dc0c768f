"""Everything that a running Airflow has stored, logged or shows, as text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
from psycopg2 import sql
from typing_extensions import Self

from tests.leaks.canaries import OF_HOOKS, TRACES, traces_in
from tests.servers import Address
from tests.servers.airflow.rest import Rest

SLOW = ("/wait", "/ui/backfills")
"""Ends of paths that stream until something happens."""


def in_database(address: Address) -> list[str]:
    """Search every column of every table.

    :param address: of the metadata database.
    """
    login: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
    }
    sightings = []
    with closing(psycopg2.connect(**login, dbname=address.database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            names = [column.name for column in cursor.description or ()]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    sightings += traces_in(f"{table}.{name}", _text(value))
    return sightings


def in_files(directory: Path) -> list[str]:
    """Search the names and the contents of all files.

    :param directory: to begin at.
    """
    sightings = []
    for file in directory.rglob("*"):
        sightings += traces_in("name of a file", str(file))
        if file.is_file():
            sightings += traces_in(str(file), file.read_bytes().decode("latin-1"))
    return sightings


def in_rest(rest: Rest, paths: Iterable[str]) -> list[str]:
    """Search the answers of the REST API, and of what the user interface asks.

    :param rest: as one user.
    :param paths: of GET requests.
    """
    return [trace for path in paths for trace in traces_in(f"GET {path}", rest.read(path))]


def paths_of_rest(admin: Rest) -> Iterator[str]:
    """Yield every path that can be read, of every task, run, connection and whatever else there is.

    :param admin: sees all.
    """
    tasks = admin.get("/dags/~/dagRuns/~/taskInstances", limit=1000)["task_instances"]
    known = [
        {
            "dag_id": task["dag_id"],
            "dag_run_id": task["dag_run_id"],
            "run_id": task["dag_run_id"],
            "task_id": task["task_id"],
            "map_index": task["map_index"],
            "try_number": max(task["try_number"], 1),
            "task_try_number": max(task["try_number"], 1),
            "xcom_key": "return_value",
        }
        for task in tasks
    ]
    rows = {
        "connection_id": [one["connection_id"] for one in admin.get("/connections")["connections"]],
        "variable_key": [one["key"] for one in admin.get("/variables")["variables"]],
        "asset_id": [one["id"] for one in admin.get("/assets")["assets"]],
        "event_log_id": [one["event_log_id"] for one in admin.get("/eventLogs", limit=100)["event_logs"]],
    }
    for template in (*_public(admin), *_of_the_user_interface()):
        if not template.endswith(SLOW):
            yield from dict.fromkeys(_filled(template, known, rows))


def _public(admin: Rest) -> list[str]:
    return [path for path, methods in json.loads(admin.read("/openapi.json"))["paths"].items() if "get" in methods]


def _of_the_user_interface() -> list[str]:
    from airflow.api_fastapi.core_api.routes.ui import ui_router

    return [str(getattr(route, "path", "")) for route in ui_router.routes if "GET" in getattr(route, "methods", ())]


def _filled(template: str, known: list[dict[str, Any]], rows: dict[str, list[Any]]) -> Iterator[str]:
    names = re.findall(r"{(\w+)(?::\w+)?}", template)
    plain = re.sub(r":\w+}", "}", template)
    if not set(names) & set(known[0]):
        for values in product(*(rows.get(name, ["1"]) for name in names)):
            yield plain.format(**{name: quote(str(value)) for name, value in zip(names, values, strict=True)})
        return
    for one in known:
        values_of = {name: one.get(name, (rows.get(name) or ["1"])[0]) for name in names}
        path = plain.format(**{name: quote(str(value), safe="") for name, value in values_of.items()})
        yield f"{path}?map_index={one['map_index']}" if "task_id" in names else path


def _text(value: Any) -> str:
    if isinstance(value, (memoryview, bytes)):
        return bytes(value).decode("latin-1")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


class ProcessWatch(threading.Thread):
    """Looks at all processes again and again: their command lines, as ``ps`` shows them to all, and their environment.

    Of the environment only for secrets of connections that hooks check: others come from there.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.sightings: set[str] = set()
        self._over = threading.Event()
        self._of_hooks = {trace for canary in OF_HOOKS for trace in canary.traces()}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.wait(0.2):
            self.look()

    def look(self) -> None:
        """Look once."""
        for process in Path("/proc").glob("[0-9]*"):
            for name, traces in (("cmdline", TRACES), ("environ", self._of_hooks)):
                with suppress(OSError):
                    text = (process / name).read_bytes().decode("latin-1")
                    self.sightings.update(TRACES[trace] for trace in traces if trace in text)
