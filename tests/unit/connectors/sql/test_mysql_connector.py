"""What the connector of MySQL makes of an error, of a server's answers and of a client at work: without any server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.faults import GARBAGE, RESET
from osiris_provider.connectors.mysql import faults
from osiris_provider.connectors.mysql.connector import _details
from osiris_provider.connectors.sql import faults as sql
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.errors import Fault
from typing_extensions import Self

MYSQL = get_connector("mysql")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (DiagnosedError(faults.NO_PUBLIC_KEY), faults.NO_PUBLIC_KEY),
        (pymysql.OperationalError(1045, "x"), sql.WRONG_PASSWORD),
        (pymysql.ProgrammingError(1146, "x"), sql.NO_SUCH_TABLE),
        *((pymysql.OperationalError(code, "x"), RESET) for code in (0, 2003, 2006, 2013, 2055)),
        # Of PyMySQL's own, in words.
        (pymysql.InternalError("Packet sequence number wrong"), GARBAGE),
        (pymysql.InternalError(), GARBAGE),
        (pymysql.InternalError(1213, "x"), sql.DEADLOCK),
        (pymysql.Error("Already closed"), None),
        (pymysql.Error(), None),
        (pymysql.OperationalError(99_999, "x"), None),
        (ValueError(1045), None),
    ],
    ids=repr,
)
def test_conn_010_the_fault_of_an_error_is_that_of_its_code(error: Exception, fault: Fault | None) -> None:
    assert MYSQL.fault_of(error) is fault


class Server:
    """A connection and its cursor.

    :param row: the answer.
    :param error: what is said to a question for variables that only some servers have.
    """

    def __init__(self, row: tuple[Any, ...] | None, error: pymysql.Error | None = None) -> None:
        self.row, self.error, self.asked = row, error, list[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cursor(self) -> Self:
        return self

    def execute(self, statement: str) -> None:
        self.asked.append(statement)
        if self.error and "read_only" in statement:
            raise self.error

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.row


def details_of(server: Server) -> dict[str, Any]:
    connection: Any = server
    return _details(connection)


@pytest.mark.parametrize(
    ("read_only", "is_said"),
    [
        ((0, 0), False),
        (("OFF", 0), False),
        (("0", "OFF"), False),
        ((1, 0), True),
        ((0, 1), True),
        (("ON", 0), True),
        (("NO_LOCK_NO_ADMIN", 0), True),
    ],
)
def test_a_server_that_is_only_read_is_healthy_and_says_so(read_only: tuple[Any, ...], is_said: bool) -> None:
    server = Server(("9.7.4", "utf8mb4", *read_only))
    known = {"server_version": "9.7.4", "charset": "utf8mb4"}
    assert details_of(server) == ({**known, "read_only": True} if is_said else known)
    assert len(server.asked) == 1


def test_what_speaks_the_protocol_need_not_have_all_variables_of_mysql() -> None:
    server = Server(("5.7 proxy", "utf8"), pymysql.OperationalError(1193, "x"))
    assert details_of(server) == {"server_version": "5.7 proxy", "charset": "utf8"}
    with pytest.raises(pymysql.OperationalError, match="1227"):
        details_of(Server(("x", "y"), pymysql.OperationalError(1227, "x")))


def test_a_client_is_asked_whether_it_is_there_and_not_logged_in_again() -> None:
    asked: list[Any] = []
    client: Any = SimpleNamespace(ping=lambda **given: asked.append(given))
    assert MYSQL.is_alive(client)
    assert asked == [{"reconnect": False}]


def test_the_family_is_called_so() -> None:
    assert (MYSQL.family, MYSQL.label, MYSQL.libraries) == ("mysql", "MySQL", ("pymysql",))
