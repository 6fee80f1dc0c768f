"""A statement that waits for a lock says so in the log, and who holds it where the server tells."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pymysql
import pytest
from osiris_provider.connectors import close_all, get_connector, interrupt
from osiris_provider.drivers.mysql import session

from tests.integration.stopping import raised_when, steady
from tests.integration.work import Work, executed, login, read, write
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import MYSQL_AND_MARIADB

pytestmark = pytest.mark.usefixtures("all_imported")


WAITS: dict[str, dict[str, Work]] = {
    "postgres": {
        "writer": write("postgres.writer", write_mode="replace"),
        "extractor": read("postgres.extractor", table="target"),
        "extractor, cursor": read("postgres.extractor", table="target", engine="cursor"),
        "client": executed("SELECT n FROM target"),
    },
    "mysql": {
        "writer": write("mysql.writer", write_mode="append"),
        "extractor": read("mysql.extractor", query="SELECT n FROM target FOR UPDATE"),
        "extractor, cursor": read("mysql.extractor", query="SELECT n FROM target FOR UPDATE", engine="cursor"),
        "client": executed("UPDATE target SET n = 4"),
    },
}


LOG_AFTER = 0.2
MEANWHILE = 0.3
"""Seconds after the log line in which a second one would come."""


def said_for_a_while(caplog: pytest.LogCaptureFixture, text: str) -> Callable[[], bool]:
    """Return what holds once a text has been in the log for a while."""
    return steady(lambda: [text] if text in caplog.text else [], MEANWHILE)


def said_of_waiting(
    family: str, address: Address, work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> str:
    """Return the only line of the log about a lock, while the work waits for it."""
    monkeypatch.setattr(interrupt, "LOG_AFTER", LOG_AFTER)
    with caplog.at_level(logging.WARNING), raised_when(said_for_a_while(caplog, "Waiting for a lock")):
        work({"family": family, "alias": "test", **asdict(address)})
    close_all()
    (said,) = [record.getMessage() for record in caplog.records if "Waiting for a lock" in record.getMessage()]
    return said


@pytest.mark.parametrize("what", WAITS["postgres"])
def test_who_holds_a_lock_of_postgres_is_logged(
    what: str, locked_postgres: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = said_of_waiting("postgres", locked_postgres, WAITS["postgres"][what], monkeypatch, caplog)
    assert f"user {locked_postgres.user}" in said
    assert str(locked_postgres.port) in said


@MYSQL_AND_MARIADB
@pytest.mark.parametrize("what", WAITS["mysql"])
def test_who_holds_a_lock_of_mysql_is_logged(
    what: str, rows_locked: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = said_of_waiting("mysql", rows_locked, WAITS["mysql"][what], monkeypatch, caplog)
    assert f"user {rows_locked.user}" in said
    assert str(rows_locked.port) in said


@MYSQL_AND_MARIADB
@pytest.mark.parametrize(
    "work", [read("mysql.extractor", table="target"), executed("SELECT n FROM target")], ids=["extractor", "client"]
)
def test_a_lock_is_logged_whose_holder_the_server_does_not_tell(
    work: Work, locked_mysql: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = said_of_waiting("mysql", locked_mysql, work, monkeypatch, caplog)
    assert "metadata lock'. The server does not tell this user who holds it." in said


@pytest.fixture
def rows_locked(mysql_family: MySQLFamilyServer, mysql_database: Address) -> Iterator[Address]:
    """A table whose rows another transaction holds, and a user that may see who."""
    settings = login(mysql_database, database=mysql_database.database, ssl_disabled=True)
    settings["password"] = settings["password"].encode()
    with (
        closing(mysql_family.connect()) as admin,
        closing(pymysql.connect(**settings)) as holder,
        admin.cursor() as grants,
        holder.cursor() as cursor,
    ):
        rights = ("PROCESS ON *.*", "SELECT ON performance_schema.*")
        for right in rights:
            grants.execute(f"GRANT {right} TO {mysql_database.user}")
        cursor.execute("CREATE TABLE target (n INT PRIMARY KEY)")
        cursor.execute("INSERT INTO target VALUES (2)")
        yield mysql_database
        for right in rights:
            grants.execute(f"REVOKE {right} FROM {mysql_database.user}")


@MYSQL_AND_MARIADB
def test_a_load_that_waits_for_another_one_says_so(
    mysql_database: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session, "ROUND_SECONDS", 1)
    connection = {"family": "mysql", "alias": "test", **asdict(mysql_database)}
    connector = get_connector("mysql")
    with (
        closing(connector.create_client(connection)) as other,
        other.cursor() as cursor,
        session.table_lock(cursor, "target"),
        caplog.at_level(logging.WARNING),
        raised_when(lambda: f"that of session {other.thread_id()} of the server" in caplog.text),
    ):
        write("mysql.writer", write_mode="replace", create_if_missing=True)(connection)
    close_all()


def test_a_wait_for_a_file_says_which_process_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(interrupt, "LOG_AFTER", 0.2)
    path = str(tmp_path / "x.duckdb")
    hold = "import sys, duckdb; found = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        # The signal comes while it sleeps, or while DuckDB looks at the file.
        with caplog.at_level(logging.WARNING), raised_when(lambda: "which another process has open" in caplog.text):
            executed("SELECT 1")({"family": "duckdb", "path": path})
        holder.kill()
    assert f"which another process has open: PID {holder.pid}." in caplog.text
