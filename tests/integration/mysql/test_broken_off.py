"""A signal may come at any moment of a load; what it raises passes as it is, wherever the load stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any
from unittest import mock

import pytest
from osiris_provider.connectors import close_all, get_connector
from osiris_provider.connectors.sql.dbapi import lease
from osiris_provider.drivers.mysql.read import hang_up
from pymysql.connections import Connection

from tests.integration.stopping import OutOfTimeError
from tests.integration.work import Work, executed, read, write
from tests.servers import Address
from tests.servers.kinds import MYSQL_AND_MARIADB

MOMENTS = ("_write_bytes", "_read_packet")
"""Functions of PyMySQL's connection: before a statement is sent, and before its answer is read."""
WORK = {
    "replace": write("mysql.writer", write_mode="replace"),
    "append": write("mysql.writer"),
    "upsert": write("mysql.writer", write_mode="upsert", primary_key="n"),
    "extractor": read("mysql.extractor", table="target"),
    "extractor, cursor": read("mysql.extractor", table="target", engine="cursor"),
}


@contextmanager
def raised_at(function: str, call: int) -> Iterator[None]:
    """Raise when a function is called for the so many-th time, as the handler of a signal would."""
    calls, thread = 0, threading.get_ident()
    original = getattr(Connection, function)

    def counted(*arguments: Any) -> Any:
        nonlocal calls
        # A signal comes to the thread that waits, and not to those that help it.
        if threading.get_ident() == thread:
            calls += 1
            if calls == call:
                raise OutOfTimeError
        return original(*arguments)

    with mock.patch.object(Connection, function, counted):
        yield


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_what_a_signal_raises_passes_as_it_is(mysql_database: Address, work: Work, moment: str) -> None:
    connection = {"family": "mysql", "alias": "test", **asdict(mysql_database)}
    executed("CREATE TABLE target (n int PRIMARY KEY)")(connection)
    broken_off = 0
    with closing(get_connector("mysql").create_client(connection)) as other:
        other.autocommit(True)
        for call in range(1, 1000):
            get_connector("mysql").client(connection)
            try:
                with raised_at(moment, call):
                    work(connection)
            except OutOfTimeError:
                broken_off += 1
            else:
                break
            finally:
                close_all()
                other.query("DELETE FROM target")
    assert broken_off == call - 1 > 1


@MYSQL_AND_MARIADB
@pytest.mark.parametrize(
    "statement", ["query", "begin", "commit", "rollback", "ping", "autocommit", "set_character_set"]
)
def test_an_answer_that_nothing_has_read_is_not_taken_for_the_next(mysql_database: Address, statement: str) -> None:
    arguments = {"query": ("SELECT 2",), "autocommit": (True,), "set_character_set": ("latin1",)}
    connection = {"family": "mysql", "alias": "test", **asdict(mysql_database)}
    with closing(get_connector("mysql").create_client(connection)) as client:
        client.autocommit(False)
        with pytest.raises(OutOfTimeError), raised_at("_read_packet", 1):
            getattr(client, statement)(*arguments.get(statement, ()))
        assert not client.open


@MYSQL_AND_MARIADB
def test_nothing_is_sent_on_a_line_that_another_thread_reads(
    mysql_database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that use one TLS session crash Python, once in thousands of times."""
    connection = {"family": "mysql", "alias": "test", **asdict(mysql_database)}
    sent: list[bytes] = []
    with lease(get_connector("mysql"), connection) as client:
        monkeypatch.setattr(client, "_write_bytes", sent.append)
        close_all()
        assert not client.open
    assert not sent


@MYSQL_AND_MARIADB
def test_nor_where_a_second_signal_ends_the_wait_for_that_thread(
    mysql_database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = get_connector("mysql").create_client({"family": "mysql", "alias": "test", **asdict(mysql_database)})
    sent: list[bytes] = []
    with client.work():
        monkeypatch.setattr(client, "_write_bytes", sent.append)
        hang_up(client)
        assert not client.open
    assert not sent
