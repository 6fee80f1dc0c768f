"""How a connection to MySQL is opened: what a refusal means by what was asked for, and what its client is left with."""

from __future__ import annotations

import ssl
import struct
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import pymysql
import pytest
import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.mysql import faults
from osiris_provider.connectors.mysql.connection import MySQLConnection
from osiris_provider.connectors.mysql.login import _duration, login, offers_tls, protocol
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline

from tests.security.mysql.rogue import RogueMySQL, Script, rogue

CONNECTOR: Final = get_connector("mysql")
NATIVE: Final = "mysql_native_password"


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    return context


def model(server: RogueMySQL, **fields: Any) -> MySQLConnection:
    address = {"host": "127.0.0.1", "port": server.port, "user": "app", "password": "s3cr3t"}
    return MySQLConnection.parse({**address, **fields})


def refused(script: Script, **fields: Any) -> Fault | None:
    with rogue(script) as server, pytest.raises((DiagnosedError, pymysql.OperationalError)) as raised:
        login(model(server, **fields), Deadline(5))
    return CONNECTOR.fault_of(raised.value)


def test_a_password_that_is_refused_may_want_tls_where_there_was_none(tls: ssl.SSLContext) -> None:
    assert refused(Script(NATIVE)) is sql.WRONG_PASSWORD
    assert refused(Script(NATIVE), ssl=False) is sql.WRONG_PASSWORD
    assert refused(Script(NATIVE, tls=tls)) is sql.WRONG_PASSWORD
    assert refused(Script(NATIVE, tls=tls), ssl=False) is faults.WRONG_PASSWORD_OR_NO_TLS


def test_a_line_waits_as_long_as_its_connection_says_once_it_is_open() -> None:
    with rogue(Script(NATIVE, welcome=True)) as server:
        for timeout in (None, 7.0):
            opened: Any = login(model(server, read_timeout=timeout), Deadline(5))
            with closing(opened):
                assert (opened._sock.deadline, opened._sock.gettimeout()) == (None, timeout)  # noqa: SLF001 - PyMySQL's
        bound: Any = login(model(server), Deadline(5), release=False)
        with closing(bound):
            assert bound._sock.deadline.seconds == 5  # noqa: SLF001 - PyMySQL's name


def test_a_client_is_in_a_transaction_unless_the_server_is_left_to_say() -> None:
    with rogue(Script(NATIVE, welcome=True)) as server:
        for autocommit, said in ((False, [b"\x03SET AUTOCOMMIT = 0"]), (None, [])):
            login(model(server), Deadline(5), autocommit=autocommit).close()
            server.wait()
            assert [one for one in server.heard if b"AUTOCOMMIT" in one] == said
            server.heard.clear()


def test_a_character_set_that_is_none_is_a_mistake_of_its_field() -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        login(MySQLConnection.parse({"host": "127.0.0.1", "user": "app", "charset": "utf9"}), Deadline(5))
    assert raised.value.field == "charset"


@pytest.mark.parametrize("error", [struct.error(), KeyError(), IndexError(), AssertionError(), AttributeError()])
def test_what_a_parser_makes_of_other_bytes_is_garbage(error: Exception) -> None:
    for one in (error, TypeError(), ValueError(), UnicodeDecodeError("utf8", b"", 0, 1, "")):
        with pytest.raises(DiagnosedError), protocol():
            raise one


@pytest.mark.parametrize("error", [ssl.SSLCertVerificationError(), UnicodeEncodeError("utf8", "", 0, 1, ""), OSError()])
def test_what_is_no_matter_of_bytes_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), protocol():
        raise error


def test_tls_is_offered_by_one_bit_of_what_a_server_can() -> None:
    assert [offers_tls(SimpleNamespace(server_capabilities=flags)) for flags in (0, 0x800, 0xF7FF, 0xFFFF)] == [
        False,
        True,
        False,
        True,
    ]
    assert not offers_tls(SimpleNamespace())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(), "'00:00:00'"),
        (timedelta(seconds=3661), "'01:01:01'"),
        (timedelta(hours=838, minutes=59, seconds=59), "'838:59:59'"),
        (-timedelta(seconds=1), "'-00:00:01'"),
        (timedelta(microseconds=-1), "'-00:00:00.000001'"),
        (timedelta(days=1, microseconds=10), "'24:00:00.000010'"),
    ],
)
def test_a_time_is_written_as_sql_has_it(value: timedelta, text: str) -> None:
    assert _duration(value) == text
