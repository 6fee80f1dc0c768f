"""Checks end in time whatever the connector does, and do not hold up one another (CONN-009)."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connectors import check
from osiris_provider.connectors import check_many as check_many_module
from osiris_provider.connectors.check import check_many
from osiris_provider.connectors.check_many import doctor_all
from osiris_provider.connectors.faults import NOT_ASKED
from osiris_provider.connectors.model import ConnectionModel
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import AuthError, ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline, checked_timeout

from tests.unit.fakes import FakeConnection, FakeConnector, connection

SLACK = 0.25


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    connector = FakeConnector()
    yield connector
    connector.release.set()


def check_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "osiris-doctor-fake"]


def run_many(connector: FakeConnector, connections: list[Any], timeout: float, workers: int) -> dict[int, Verdict]:
    results: dict[int, Verdict] = {}

    def keep(number: int, verdict: Verdict) -> None:
        assert number not in results, "reported twice"
        results[number] = verdict

    check_many([(connector, one) for one in connections], timeout, workers, keep)
    return results


def test_conn_009_a_verdict_is_waited_for_as_long_as_is_promised() -> None:
    assert 0 < check.GRACE < SLACK
    assert 0 < check.LAST_SECONDS <= SLACK


def test_conn_009_ok(connector: FakeConnector) -> None:
    ok, verdict = connector.doctor(connection())
    assert ok
    assert (verdict["category"], verdict["details"]) == ("ok", {"server_version": "1"})


def test_conn_009_hanging_check_is_given_up_in_time(connector: FakeConnector) -> None:
    started = time.monotonic()
    ok, verdict = connector.doctor(connection("hang"), timeout=0.2)
    assert time.monotonic() - started <= 0.2 + SLACK
    assert (ok, verdict["category"], verdict["latency_ms"]) == (False, "timeout", None)
    assert "the hang peer did not answer within 0.2 s" in verdict["message"]
    # It lets the process end.
    assert [thread.daemon for thread in check_threads()] == [True]
    connector.release.set()
    for thread in check_threads():
        thread.join(5)
    assert not check_threads()


def test_conn_010_broken_off_at_the_deadline_is_timeout(connector: FakeConnector) -> None:
    _, verdict = connector.doctor(connection("obey"), timeout=0.05)
    assert verdict["category"] == "timeout"


@pytest.mark.parametrize(
    ("does", "fault", "category", "retryable"),
    [("raise", "broken", "permission", False), ("refuse", "refused", "network", True)],
)
def test_conn_010_errors_are_classified(
    connector: FakeConnector, does: str, fault: str, category: str, retryable: bool
) -> None:
    ok, verdict = connector.doctor(connection(does, password="s3cret"))
    assert not ok
    assert verdict["category"] == category
    assert verdict["details"] == {"fault": fault, "retryable": retryable}
    assert "s3cret" not in str(verdict)


def test_own_errors_keep_their_words(connector: FakeConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(*_: Any) -> dict[str, Any]:
        message = "The key has been revoked. Make another."
        raise AuthError(message, fault=Fault("revoked", "auth", "{address} has revoked the key. Make another."))

    monkeypatch.setattr(connector, "probe", probe)
    ok, verdict = connector.doctor(connection())
    assert (ok, verdict["category"], verdict["message"]) == (False, "auth", "The key has been revoked. Make another.")
    assert verdict["details"] == {"fault": "revoked", "retryable": False}


def test_broken_connector_does_not_raise(connector: FakeConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(FakeConnection, "shown_address", broken)
    assert connector.doctor(connection("raise"))[1]["category"] == "permission"
    monkeypatch.setattr(ConnectionModel, "parse", classmethod(lambda *_: 1 / 0))
    assert connector.doctor(connection())[1]["category"] == "unknown"


def test_overdue_check_of_a_broken_connector_does_not_raise(
    connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(FakeConnection, "shown_address", broken)
    assert connector.doctor(connection("hang"), timeout=0.05)[1]["category"] == "timeout"


def test_exit_in_a_check_ends_only_the_check(connector: FakeConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: Any) -> dict[str, Any]:
        raise SystemExit(3)

    monkeypatch.setattr(connector, "probe", leave)
    started = time.monotonic()
    ok, verdict = connector.doctor(connection(), timeout=1)
    assert not ok
    assert verdict["category"] in ("timeout", "unknown")
    assert time.monotonic() - started <= 1 + SLACK


def test_misconfiguration_is_unknown_and_permanent(connector: FakeConnector) -> None:
    ok, verdict = connector.doctor({"family": "fake", "alias": "x", "port": "many"})
    assert (ok, verdict["category"], verdict["details"]["retryable"]) == (False, "unknown", False)
    assert "@fake.x" in verdict["message"]
    assert "does" in verdict["message"]
    assert "port" in verdict["message"]


@given(st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.booleans(), st.lists(st.integers())))
def test_conn_009_any_timeout(timeout: Any) -> None:
    try:
        assert 0 < checked_timeout(timeout) <= 86_400
    except ValueError as error:
        assert str(error) == "timeout is a positive number of seconds"  # noqa: PT017 - either way is right


def test_500_checks_side_by_side(connector: FakeConnector) -> None:
    kinds = ["ok", "raise", "refuse", "ok", "hang"]
    connections = [connection(kinds[number % 5]) for number in range(500)]
    started = time.monotonic()
    results = run_many(connector, connections, timeout=0.5, workers=200)
    # 100 of them hang, which is one round for 200 workers.
    assert time.monotonic() - started < 5
    assert sorted(results) == list(range(500))
    expected = {"ok": "ok", "raise": "permission", "refuse": "network", "hang": "timeout"}
    for number, verdict in results.items():
        assert verdict.category == expected[kinds[number % 5]]
    connector.release.set()
    for thread in check_threads():
        thread.join(5)
    assert not check_threads()


def test_fewer_workers_than_hanging_checks(connector: FakeConnector) -> None:
    started = time.monotonic()
    results = run_many(connector, [connection("hang")] * 6 + [connection()], timeout=0.1, workers=2)
    assert [results[number].category for number in range(7)] == ["timeout"] * 6 + ["ok"]
    assert time.monotonic() - started < 4 * (0.1 + SLACK)


def test_conn_009_a_machine_that_can_start_no_thread_says_so_at_once(
    connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    results = run_many(connector, [connection()] * 3, timeout=60, workers=2)
    assert [results[number].details for number in range(3)] == [{"fault": "misconfigured", "retryable": False}] * 3


def test_conn_011_a_check_that_is_printed_shows_nothing_of_its_connection(connector: FakeConnector) -> None:
    assert "s3cret" not in repr(check.Check(connector, connection(password="s3cret"), 1, lambda _: None))


def test_results_come_in_as_they_are_ready(connector: FakeConnector) -> None:
    order: list[int] = []
    jobs = [(connector, connection(does)) for does in ("hang", "ok", "raise")]
    check_many(jobs, 0.5, 8, lambda number, _: order.append(number))
    assert order[-1] == 0
    assert sorted(order[:2]) == [1, 2]


def test_nothing_to_check(connector: FakeConnector) -> None:
    assert run_many(connector, [], timeout=1, workers=4) == {}


def test_jobs_are_taken_as_they_are_needed(connector: FakeConnector) -> None:
    taken: list[int] = []

    def jobs() -> Iterator[Any]:
        for number in range(10):
            taken.append(number)
            yield connector, connection()

    seen: list[int] = []
    check_many(jobs(), 5, 1, lambda *_: seen.append(len(taken)))
    assert seen == list(range(1, 11))


def test_doctor_all_keeps_the_order_of_the_targets() -> None:
    arrived: list[Verdict] = []
    healthy = {"family": "duckdb", "alias": "a", "path": ":memory:"}
    targets: list[Any] = [healthy, "nonsense", {"family": "duckdb", "alias": "b"}]
    actual = doctor_all(targets, 5, on_verdict=arrived.append)
    assert [(one.family, one.alias, one.ok) for one in actual] == [
        ("duckdb", "a", True),
        ("nonsense", None, False),
        ("duckdb", "b", False),
    ]
    assert sorted(map(str, arrived)) == sorted(map(str, actual))
    assert list(actual[0].as_dict()) == ["family", "alias", "ok", "latency_ms", "category", "message", "details"]


@pytest.mark.parametrize("target", [{}, {"family": None}, {"family": "nobody"}, {"family": ["x"]}, 7, None, "@", ""])
def test_doctor_all_survives_any_target(target: Any) -> None:
    (verdict,) = doctor_all([target], 1)
    assert (verdict.ok, verdict.category) == (False, "unknown")


@pytest.mark.parametrize("target", ["@fake.ok", ConnectionRef("fake", "ok"), connection("ok")])
def test_doctor_all_takes_no_target_for_several(target: Any) -> None:
    with pytest.raises(TypeError, match="put the one that you have into a list"):
        doctor_all(target)


@pytest.mark.parametrize("max_workers", [0, -1])
def test_doctor_all_leaves_no_target_out(max_workers: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        doctor_all([connection("ok")], max_workers=max_workers)
    assert doctor_all([]) == []
    assert [one.ok for one in doctor_all([{"family": "duckdb", "path": ":memory:"}] * 2, 5, max_workers=1)] == [
        True
    ] * 2


def test_doctor_all_takes_a_long_timeout() -> None:
    (verdict,) = doctor_all([{"family": "duckdb", "path": ":memory:"}], 1e300)
    assert verdict.ok


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), None, "soon"])
def test_doctor_all_refuses_other_timeouts(timeout: Any) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        doctor_all([{"family": "duckdb", "path": ":memory:"}], timeout)


def test_config_error_of_a_reference_is_a_report(tmp_path: Any) -> None:
    (verdict,) = doctor_all(["@mysql.nobody"], 1, file=tmp_path / "none.yaml")
    assert (verdict.family, verdict.alias, verdict.category) == ("mysql", "nobody", "unknown")
    assert issubclass(ConnectionConfigError, ValueError)


def test_a_family_with_a_limit_keeps_no_other_one_back() -> None:
    under_way: list[int] = []
    peak: list[int] = []

    class Limited(FakeConnector):
        at_once = 2

        def probe(self, *_: Any) -> dict[str, Any]:
            under_way.append(1)
            peak.append(len(under_way))
            time.sleep(0.05)
            under_way.pop()
            return {}

    limited, other = Limited(), FakeConnector()
    jobs = [(limited, connection())] * 8 + [(other, connection())] * 8
    order: list[int] = []
    check_many(jobs, 5, 16, lambda number, verdict: order.append(number) if verdict.ok else None)
    assert sorted(order) == list(range(16))
    assert max(peak) == 2
    # The others did not wait for the eight.
    assert max(order.index(number) for number in range(8, 16)) < 15


class Waiting(FakeConnector):
    """Keeps its checks waiting before they begin, until it is told that there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.room = threading.Event()
        self.noted: list[str] = []

    @contextmanager
    def ready(self, connection: Any) -> Iterator[None]:
        del connection
        self.room.wait(20)
        self.noted.append("ready")
        yield
        self.noted.append("over")

    def probe(self, model: FakeConnection, deadline: Deadline) -> dict[str, Any]:
        self.noted.append("asked")
        return super().probe(model, deadline)


def test_the_clock_of_a_check_runs_once_all_is_there_that_it_needs() -> None:
    waiting = Waiting()
    threading.Timer(0.5, waiting.room.set).start()
    results = run_many(waiting, [connection()], timeout=0.2, workers=2)
    assert results[0].ok
    assert waiting.noted == ["ready", "asked", "over"]


def test_a_hanging_check_that_had_to_wait_keeps_its_deadline(connector: FakeConnector) -> None:
    waiting = Waiting()
    waiting.room.set()
    waiting.release = connector.release
    started = time.monotonic()
    assert run_many(waiting, [connection("hang")], timeout=0.3, workers=2)[0].category == "timeout"
    assert time.monotonic() - started < 0.3 + SLACK


def test_a_check_for_which_there_is_never_room_is_given_up_and_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_READY", 0.2)
    waiting, other = Waiting(), FakeConnector()
    jobs = [(waiting, connection()), (other, connection())]
    results: dict[int, Verdict] = {}
    started = time.monotonic()
    check_many(jobs, 0.2, 4, results.__setitem__)
    assert time.monotonic() - started < 0.4 + SLACK
    assert (results[0].fault, results[1].ok) == (NOT_ASKED, True)
    waiting.room.set()
    for thread in check_threads():
        thread.join(5)
    assert waiting.noted == ["ready", "over"]


def test_whatever_is_raised_before_a_check_begins_is_its_verdict() -> None:
    class Refusing(FakeConnector):
        def ready(self, connection: Any) -> AbstractContextManager[None]:
            raise SystemExit(str(connection))

        @classmethod
        def kind_of(cls, connection: Any) -> str:
            raise RuntimeError(str(connection))

    results = run_many(Refusing(), [connection()], timeout=5, workers=2)
    assert (results[0].ok, results[0].category) == (False, "unknown")


def test_an_error_that_no_file_is_left_to_import_the_knowledge_of_is_no_bug() -> None:
    class Importing(FakeConnector):
        def fault_of(self, error: BaseException) -> Fault | None:
            raise OSError(errno.EMFILE, "x") from error

    ok, report = Importing().doctor(connection(does="raise"), 5)
    assert (ok, report["details"]["fault"]) == (False, "too_many_files")


@given(st.lists(st.sampled_from(["", "redis", "ssh", "http"]), max_size=60))
def test_checks_of_one_kind_follow_each_other(kinds: list[str]) -> None:
    order = check_many_module._order(kinds)  # noqa: SLF001 - which of them comes first is seen nowhere else
    assert sorted(order) == list(range(len(kinds)))
    runs = [kind for kind, _ in groupby(kinds[number] for number in order)]
    assert runs == list(dict.fromkeys(kinds))
