"""What all connectors have: clients that are kept and closed, a fault for any error, a place in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Annotated, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector, interrupt
from osiris_provider.connectors.base import OtherType
from osiris_provider.connectors.cache import ClientCache, cache_key
from osiris_provider.connectors.faults import GARBAGE, REFUSED
from osiris_provider.connectors.model import FieldInfo
from osiris_provider.errors import UNKNOWN, AuthError, ConnectorError, Fault
from osiris_provider.net.deadline import Deadline

from tests.unit.fakes import BROKEN, BrokenError, FakeClient, FakeConnection, FakeConnector, connection

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text(), max_size=2))
CONNECTIONS = st.dictionaries(st.text(min_size=1), VALUES, max_size=5)


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    connector = FakeConnector()
    yield connector
    connector.close_all()


@given(CONNECTIONS, CONNECTIONS)
@example({"host": "a", "port": 1}, {"port": 1, "host": "a"})
@example({"password": "\ud800"}, {"password": "\udfff"})
@example({"since": date(2027, 1, 1)}, {"since": date(2027, 1, 2)})
def test_conn_013_key_tells_connections_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(sorted(one.items())) == repr(sorted(other.items()))
    assert (cache_key(one) == cache_key(other)) is same
    assert cache_key(one) == cache_key(dict(reversed(one.items())))


@given(st.text(min_size=4))
def test_conn_011_key_shows_no_secret(secret: str) -> None:
    digest = cache_key({"password": secret})[2]
    assert len(digest) == 64
    assert secret not in digest
    assert set(digest) <= set("0123456789abcdef")


def test_conn_013_one_client_a_connection(connector: FakeConnector) -> None:
    first = connector.client(connection(password="a"))
    assert connector.client(connection(password="a")) is first
    assert connector.client(connection(password="b")) is not first
    assert len(connector.opened) == 2


@pytest.mark.parametrize("how", ["dead", "raises"])
def test_conn_013_dead_client_is_closed_and_replaced(connector: FakeConnector, how: str) -> None:
    first = connector.client(connection())
    if how == "dead":
        first.alive = False
    else:
        first.closed = 1
    assert connector.client(connection()) is not first
    assert first.closed == (1 if how == "dead" else 2)


def test_conn_014_close_all_closes_the_clients_of_all_threads(connector: FakeConnector) -> None:
    mine = connector.client(connection())
    with ThreadPoolExecutor(4) as pool:
        barrier = threading.Barrier(4)

        def open_one(_: int) -> FakeClient:
            barrier.wait(10)
            return connector.client(connection())

        clients = [mine, *pool.map(open_one, range(4))]
    assert len({id(client) for client in clients}) == 5
    connector.close_all()
    assert [client.closed for client in clients] == [1] * 5
    connector.close_all()
    assert [client.closed for client in clients] == [1] * 5


def test_conn_014_client_that_cannot_be_closed_holds_up_no_other() -> None:
    closed: list[int] = []

    def close(client: int) -> None:
        closed.append(client)
        raise OSError

    cache: ClientCache[int] = ClientCache(bool, close)
    for number in (1, 2):
        cache.get_or_create({"number": number}, lambda number=number: number)  # type: ignore[misc] # the usual default
    cache.close_all()
    assert closed == [1, 2]
    assert len(cache) == 0


def test_conn_014_child_process_leaves_the_clients_of_its_parent_alone(connector: FakeConnector) -> None:
    client = connector.client(connection())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        other = connector.client(connection())
        connector.close_all()
        os.write(writing, f"{other is client} {client.closed} {other.closed}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() == "False 0 1"
    assert connector.client(connection()) is client


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_conn_014_child_process_has_nothing_of_the_work_of_its_parent() -> None:
    # A thread that has made a call waits for another one, which the child's cannot.
    assert interrupt.in_background(bool).wait(20)
    while not interrupt._idle:  # noqa: SLF001 - it is there in a moment
        time.sleep(0.001)
    client = object()
    with interrupt.Work(client, lambda: None, lambda: None):
        child = os.fork()
        if child == 0:
            is_free = not interrupt.is_busy(client)
            os._exit(0 if is_free and interrupt.in_background(bool).wait(20) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_failure_to_open_leaves_nothing_behind(connector: FakeConnector) -> None:
    with pytest.raises(Exception, match="broken"):
        connector.client(connection("raise"))
    assert not connector.opened
    assert connector.client(connection()).alive


class CodedError(Exception):
    """Has a code where a library puts it."""

    def __init__(self, *args: object, **codes: object) -> None:
        super().__init__(*args)
        vars(self).update(codes)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (BrokenError(), BROKEN),
        (ConnectionRefusedError(111, "no"), REFUSED),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), GARBAGE),
        (KeyError("x"), UNKNOWN),
    ],
)
def test_conn_010_any_error_has_a_fault(error: Exception, fault: Fault) -> None:
    assert FakeConnector().classify(error) == fault


@pytest.mark.parametrize(
    ("error", "known_as"),
    [
        (CodedError(1045, "no"), "CodedError 1045"),
        (CodedError("no", errno=7), "CodedError 7"),
        (CodedError(3, errno=7), "CodedError 3"),
        (CodedError(3, pgcode="28P01"), "CodedError 28P01"),
        (CodedError(), "CodedError"),
        # These may be a secret.
        (CodedError("28P01"), "CodedError"),
        (CodedError(pgcode="28p01"), "CodedError"),
        (CodedError(pgcode="28P011"), "CodedError"),
        (CodedError(pgcode=28), "CodedError"),
    ],
)
def test_conn_011_an_unknown_error_is_known_by_its_class_and_its_number(error: Exception, known_as: str) -> None:
    said = FakeConnector().classify(error).text("here")
    assert f"here failed with {known_as}, which has no category" in said


def test_a_place_shows_no_secret_and_is_there_whatever_is_wrong() -> None:
    connector = FakeConnector()
    assert connector.address_of(connection()) == "the ok peer"
    assert connector.address_of(connection("s3cret", password="s3cret")) == "***"
    assert connector.address_of({}) == "the server"
    assert connector.address_of_fault(KeyError(), connection()) == "the ok peer"


def test_an_error_of_a_library_becomes_one_of_ours_with_reference_and_place() -> None:
    connector = FakeConnector()
    with pytest.raises(ConnectorError, match=r"^@fake.ok: the ok peer is broken\. Fix it\.$") as raised:
        connector.translate_errors(connection(), lambda: connector.probe(FakeConnection(does="raise"), Deadline(5)))
    assert (raised.value.reference, raised.value.cause, raised.value.fault) == ("@fake.ok", "BrokenError", BROKEN)
    assert (raised.value.__cause__, raised.value.__context__) == (None, None)
    own = AuthError("no")

    def fail() -> Any:
        raise own

    with pytest.raises(AuthError) as again:
        connector.translate_errors(connection(), fail)
    assert again.value is own
    assert connector.translate_errors(connection(), lambda: 7) == 7


def test_what_a_family_need_not_say() -> None:
    connector, given = FakeConnector(), connection()
    assert (connector.to_airflow(given), connector.from_airflow(given)) == (None, None)
    assert (connector.needs_worker(given), connector.kind_of(given), list(connector.remarks(given))) == (False, "", [])
    assert connector.airflow_id("main") == "osiris_fake_main"
    assert (connector.at_once, connector.libraries, dict(connector.other_types)) == (None, (), {})
    with connector.ready(given):
        pass
    other = OtherType(lambda _: None)
    assert (other.answered({}), other.note({})) == (frozenset(), None)


def test_libraries_are_imported_before_the_first_check() -> None:
    class Needing(FakeConnector):
        libraries = ("colorsys", "tabnanny")

    for prepare in (Needing.load, lambda: Needing.prepare([])):
        for name in Needing.libraries:
            sys.modules.pop(name, None)
        prepare()
        assert all(name in sys.modules for name in Needing.libraries)


def test_a_client_has_the_seconds_that_its_model_says_and_the_bytes_of_a_check() -> None:
    deadlines: list[Deadline] = []

    class Slow(FakeConnection):
        def connect_seconds(self) -> float:
            return 70.0

    class Noting(FakeConnector):
        model = Slow

        def open_client(self, model: FakeConnection, deadline: Deadline) -> FakeClient:
            deadlines.append(deadline)
            return super().open_client(model, deadline)

    Noting().create_client(connection())
    (deadline,) = deadlines
    assert deadline.seconds == 70
    deadline.take(1024 * 1024)
    with pytest.raises(OSError, match="more than a check takes"):
        deadline.take(1)


class WithDatabase(FakeConnection):
    database: Annotated[str, FieldInfo("A database.", airflow="schema")] = ""


def test_a_connection_with_another_database() -> None:
    class Having(FakeConnector):
        model = WithDatabase

    given = connection(database="one")
    assert Having().on_database(given, "two")["database"] == "two"
    assert given["database"] == "one"
    assert dict(FakeConnector().on_database(connection(), "two")) == connection()


def test_conn_016_a_url_with_and_without_its_secret() -> None:
    given = connection(password="pw")
    assert FakeConnector().build_dsn(given) == "fake://pw@ok"
    assert FakeConnector().build_dsn_redacted(given) == "fake://***@ok"


CODE = """
import json, os, sys
from osiris_provider.connectors import get_connector
for family in sys.argv[1:]:
    child = os.fork()
    if not child:
        connector = get_connector(family)
        before = set(sys.modules)
        connector.load()
        print(json.dumps([family, sorted(set(sys.modules) - before)]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
ONE_TYPE = "osiris_provider.hook_doctor.types.services.smtp"


@pytest.fixture(scope="module")
def loaded() -> dict[str, list[str]]:
    """What each family imports when it is loaded, each in a process that has imported nothing of it."""
    command = [sys.executable, "-c", CODE, *family_names()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("family", family_names())
def test_conn_009_load_imports_what_a_check_needs(family: str, loaded: dict[str, list[str]]) -> None:
    wanted = {ONE_TYPE} if family == "airflow" else {*get_connector(family).libraries}
    assert wanted
    assert wanted <= set(loaded[family])
