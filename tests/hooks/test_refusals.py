"""What the imitated databases refuse a login with besides a wrong password, and what is made of it.

These are codes of their documentation. That a client hands them on, and where, is seen here with the real client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.asked import asked
from tests.hooks.case import PASSWORD, WRONG, Case
from tests.hooks.held_back.peers import listening
from tests.hooks.servers.authority import believed, context
from tests.hooks.servers.http_apis import API, Answer
from tests.hooks.servers.imitated_databases import (
    LOGIN,
    SERVICE,
    Connect,
    to_clickhouse,
    to_kafka,
    to_mssql,
    to_oracle,
    to_snowflake,
    to_trino,
)
from tests.hooks.servers.kafka import KafkaBroker
from tests.hooks.servers.oracle import OracleServer
from tests.hooks.servers.sql_apis import trino
from tests.hooks.servers.tcp import Imitation
from tests.hooks.servers.tds import TDSServer
from tests.servers.process import HOST

MAX_WAIT = 60.0


@pytest.fixture(scope="module", autouse=True)
def authority() -> Iterator[None]:
    with believed():
        yield


def fault_of(server: API | Imitation, connect: Connect) -> str:
    with server:
        connection = connect(HOST, server.port, WRONG)
        case = Case(connection.conn_type, lambda: pytest.fail("it is there already"))
        return asked(case, connection, MAX_WAIT).fault


MSSQL = {
    "the user is disabled": ({18470: 14}, "account_locked"),
    "the user is locked": ({18486: 14}, "account_locked"),
    "the password has expired": ({18487: 14}, "password_expired"),
    "the password must be changed": ({18488: 14}, "password_expired"),
    "only Windows users": ({18452: 14}, "login_method"),
    "a logon trigger": ({17892: 14}, "denied"),
    "one user at a time": ({18461: 14}, "not_ready"),
    "a firewall": ({40615: 14}, "host_not_allowed"),
    "no such database, as Azure has it": ({4060: 11}, "database_denied"),
    # The driver keeps the severer error, and does not say that there was another.
    "no such database": ({4060: 11, 18456: 14}, "database_denied"),
    "no such default database": ({4064: 11, 18456: 14}, "database_denied"),
    "a database that is being restored": ({927: 14, 4060: 11, 18456: 14}, "not_ready"),
    "something on the way, and a wrong password": ({5701: 0, 18456: 14}, "wrong_password"),
}


@pytest.mark.parametrize("situation", MSSQL)
def test_mssql(situation: str) -> None:
    refusal, fault = MSSQL[situation]
    server = TDSServer(LOGIN, PASSWORD, refusal)
    assert fault_of(server, to_mssql) == fault
    assert server.refused == 1


ORACLE = {
    "the user is locked": (28000, "account_locked"),
    "the password has expired": (28001, "password_expired"),
    "no right to log in": (1045, "denied"),
    "it is starting": (1033, "not_ready"),
    "only for administrators": (1035, "not_ready"),
    "too many sessions": (2391, "too_many_connections"),
}


@pytest.mark.parametrize("situation", ORACLE)
def test_oracle(situation: str) -> None:
    code, fault = ORACLE[situation]
    server = OracleServer(LOGIN, PASSWORD, SERVICE, code)
    assert fault_of(server, to_oracle) == fault
    assert server.refused == 1


LISTENER = {
    "no such service": (12514, "no_service_now"),
    "no such instance": (12505, "no_service_now"),
    "no free handler": (12516, "too_many_connections"),
    "no appropriate handler": (12520, "too_many_connections"),
    "blocked for new connections": (12528, "not_ready"),
    "in restricted mode": (12526, "not_ready"),
}


@pytest.mark.parametrize("situation", LISTENER)
def test_the_listener_of_oracle(situation: str) -> None:
    code, fault = LISTENER[situation]
    assert fault_of(OracleServer(LOGIN, PASSWORD, SERVICE, busy=code), to_oracle) == fault


def test_another_service_of_oracle() -> None:
    assert fault_of(OracleServer(LOGIN, PASSWORD, "OTHER"), to_oracle) == "no_service_now"


def saying(*answer: object) -> Callable[[str, Mapping[str, str], bytes], Answer]:
    """Return what always gives one answer: a status, JSON or bytes, and headers."""
    status, said, *headers = answer

    def answers(_path: str, _headers: Mapping[str, str], _body: bytes) -> Answer:
        return status, said, True, *headers  # type: ignore[return-value] # it is made in this module

    return answers


def of_snowflake(code: str, **data: str) -> tuple[int, dict[str, object]]:
    return 200, {"data": data, "code": code, "message": "What the service says.", "success": False}


SNOWFLAKE = {
    "the user is disabled": (of_snowflake("390101"), "account_locked"),
    "the user is locked": (of_snowflake("390102"), "account_locked"),
    "a key that is not the user's": (of_snowflake("390144"), "unauthorized"),
    "a role that is not the user's": (of_snowflake("390189"), "denied"),
    "a token that has expired": (of_snowflake("390318"), "unauthorized"),
    "a network policy": (of_snowflake("390422"), "host_not_allowed"),
    "a second factor": (of_snowflake("390000", nextAction="EXT_AUTHN_DUO_ALL", inFlightCtx="x"), "login_method"),
    "no such account": ((403, {}), "misconfigured"),
    "no such account here": ((404, {}), "misconfigured"),
    "not now": ((503, {}), "not_ready"),
    "too many requests": ((429, {}), "not_ready"),
    "no JSON": ((200, b"<html>"), "garbage"),
}


@pytest.mark.parametrize("situation", SNOWFLAKE)
def test_snowflake(situation: str) -> None:
    answer, fault = SNOWFLAKE[situation]
    server = API(saying(*answer), context())
    assert fault_of(server, to_snowflake) == fault
    assert server.refused == 1


def of_clickhouse(status: int, code: int) -> tuple[int, bytes, dict[str, str]]:
    said = f"Code: {code}. DB::Exception: What the server says.".encode()
    return status, said, {"X-ClickHouse-Exception-Code": str(code)}


CLICKHOUSE = {
    "no such database": (of_clickhouse(404, 81), "unknown_database"),
    "no rights": (of_clickhouse(403, 497), "denied"),
    "another host": (of_clickhouse(403, 195), "host_not_allowed"),
    "too many queries": (of_clickhouse(500, 202), "too_many_connections"),
    "out of memory": (of_clickhouse(500, 241), "server_full"),
    "no password": (of_clickhouse(403, 194), "no_password"),
}


@pytest.mark.parametrize("situation", CLICKHOUSE)
def test_clickhouse(situation: str) -> None:
    answer, fault = CLICKHOUSE[situation]
    assert fault_of(API(saying(*answer)), to_clickhouse) == fault


def of_trino(name: str, kind: str = "USER_ERROR") -> tuple[int, dict[str, object]]:
    error = {"message": "What the server says.", "errorCode": 1, "errorName": name, "errorType": kind}
    return 200, {"id": "q", "infoUri": "https://x/q", "stats": {"state": "FAILED"}, "error": error}


TRINO = {
    "no rights": (of_trino("PERMISSION_DENIED"), "denied"),
    "not at all": ((403, {}), "forbidden"),
    "it is starting": (of_trino("SERVER_STARTING_UP", "INTERNAL_ERROR"), "not_ready"),
    "its queue is full": (of_trino("QUERY_QUEUE_FULL", "INSUFFICIENT_RESOURCES"), "too_many_connections"),
    "a proxy without a server": ((502, {}), "server_error"),
    "not now": ((503, {}), "not_ready"),
    "another server": ((404, {}), "not_found"),
    "no JSON": ((200, b"<html>"), "garbage"),
}


def choosing(refusal: str) -> Callable[[str, Mapping[str, str], bytes], Answer]:
    """Return a Trino whose sessions begin with any catalog and schema, and that refuses to choose them."""

    def answers(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if body.startswith(b"USE") and refusal:
            assert body == b'USE "tp""ch"."sales"'
            return (*of_trino(refusal), True)
        return trino(path, headers, body)

    return answers


@pytest.mark.parametrize(
    ("refusal", "fault"),
    [
        ("", ""),
        ("CATALOG_NOT_FOUND", "unknown_database"),
        # What it says of a schema.
        ("NOT_FOUND", "unknown_database"),
        ("PERMISSION_DENIED", "denied"),
    ],
)
def test_trino_begins_a_session_with_any_catalog_and_schema(refusal: str, fault: str) -> None:
    def named(host: str, port: int, _: str) -> HookConnection:
        plain = to_trino(host, port)
        return replace(plain, schema="sales", extra={**plain.extra, "catalog": 'tp"ch'})

    assert fault_of(API(choosing(refusal), context()), named) == fault


@pytest.mark.parametrize("situation", TRINO)
def test_trino(situation: str) -> None:
    answer, fault = TRINO[situation]
    server = API(saying(*answer), context())
    assert fault_of(server, to_trino) == fault
    assert server.refused == 1


def test_kafka_without_the_mechanism() -> None:
    # librdkafka has one code for it and for a wrong password.
    server = KafkaBroker(LOGIN, PASSWORD, "SCRAM-SHA-512")
    assert fault_of(server, to_kafka) == "wrong_password"


def several(brokers: str, password: str = PASSWORD) -> HookConnection:
    connection = to_kafka(HOST, 1, password)
    return replace(connection, extra={**connection.extra, "bootstrap.servers": brokers})


def category(connection: HookConnection) -> str:
    return asked(Case("kafka", lambda: pytest.fail("it is there already")), connection, MAX_WAIT).category


@pytest.mark.parametrize("dead", ["127.0.0.1:9", "no-such-host.invalid:9092", "127.0.0.1:9, 127.0.0.1:10"])
def test_one_broker_of_several_is_enough(dead: str) -> None:
    with KafkaBroker(LOGIN, PASSWORD) as server:
        assert category(several(f"{dead},{HOST}:{server.port}")) == "ok"
        assert category(several(f"{dead},{HOST}:{server.port}", WRONG)) == "auth"
    assert server.refused == 1


@pytest.mark.parametrize("brokers", ["127.0.0.1:9,127.0.0.1:10", "no-such-host.invalid:9092,127.0.0.1:9"])
def test_brokers_that_are_all_dead_did_not_time_out(brokers: str) -> None:
    assert category(several(brokers)) == "network"


def test_a_broker_that_hangs_up_did_not_time_out() -> None:
    with listening(lambda client: client.recv(4)) as port:
        assert category(several(f"{HOST}:{port}")) == "network"
