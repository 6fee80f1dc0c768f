"""A hook can do what it likes: the verdict is there in time, and no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.hook_doctor import processes
from osiris_provider.hook_doctor.processes import SHARING_TYPES, Servers, servers
from osiris_provider.hook_doctor.server import SHARED
from osiris_provider.net.deadline import Deadline

from tests.security.hook_doctor.conftest import WARM
from tests.security.hook_doctor.provider import CANARY, Checks

Starts = Callable[..., tuple[list[str], dict[str, Any]]]
LATE = 0.5
"""Seconds after the deadline that an answer may come at the latest."""
TRIES = 4
"""Of which one has to be in time: on a machine with more work than processors, each answer may be late."""


@pytest.mark.parametrize(
    ("does", "slug", "processes"),
    [
        ("sleeps", "timed_out", 1),
        ("waits_in_c", "timed_out", 1),
        ("forks_and_hangs", "timed_out", 2),
        ("escapes_and_hangs", "timed_out", 2),
        ("spams_output", "timed_out", 1),
    ],
)
def test_a_check_that_does_not_end_is_ended(checks: Checks, does: str, slug: str, processes: int) -> None:
    taken: list[float] = []
    while not taken or (min(taken) >= 1.5 + LATE and len(taken) < TRIES):
        actual, message, seconds = checks.verdict(does, 1.5)
        taken.append(seconds)
        assert (actual, CANARY in message) == (slug, False)
        assert len(checks.noted()) == processes
        _wait_for(lambda: checks.alive() == [])
    assert min(taken) < 1.5 + LATE


@pytest.mark.parametrize(
    ("does", "slug", "processes"),
    [
        ("fine", "ok", 1),
        ("forks", "ok", 2),
        ("escapes", "ok", 2),
        ("closes_everything", "no_verdict", 1),
        ("spams_everything", "no_verdict", 1),
        ("answers_itself", "no_verdict", 1),
        ("crashes", "no_verdict", 1),
        ("exits", "no_verdict", 1),
        ("fails", "test_failed", 1),
    ],
)
def test_a_check_that_ends_leaves_nothing(checks: Checks, does: str, slug: str, processes: int) -> None:
    actual, message, _ = checks.verdict(does, 20)
    # db.example.com is not there for whoever connects once more.
    assert actual in (slug, "unknown_host") if does == "fails" else actual == slug
    assert CANARY not in message
    assert len(checks.noted()) == processes
    _wait_for(lambda: checks.alive() == [], 2.0)


def test_a_hook_whose_import_starts_threads_is_not_forked_but_imported(checks: Checks) -> None:
    assert checks.verdict("fine", WARM, "hostile_threads")[0] == "ok"
    assert checks.verdict("sleeps", 3.0, "hostile_threads")[0] in ("timed_out", "not_asked")
    _wait_for(lambda: checks.alive() == [], 2.0)


def test_a_check_that_comes_before_its_hook_says_so_and_the_import_goes_on(checks: Checks) -> None:
    servers().close()
    actual, message, seconds = checks.verdict("fine", 0.2)
    assert (actual, "still being imported" in message, seconds < 0.2 + LATE) == ("not_asked", True, True)
    servers().warm(["hostile"], Deadline(WARM))
    assert checks.verdict("fine", 5.0)[0] == "ok"


@pytest.mark.parametrize(("types", "shares"), [(SHARING_TYPES - 1, False), (SHARING_TYPES, True)])
def test_hooks_of_many_types_share_what_they_have_in_common(types: int, shares: bool) -> None:
    many = Servers()
    try:
        many.warm([f"no_such_type_{number}" for number in range(types)], Deadline(0.01))
        process = many._process  # noqa: SLF001 - what it was started with
        assert process is not None
        assert isinstance(process.args, list)
        assert (SHARED in process.args) is shares
    finally:
        many.close()


def test_a_type_makes_room_once_no_check_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MANY_TYPES", 2)
    many, peak = Servers(), 0
    try:
        with many.kept("no_such_type_0", Deadline(WARM)):
            for number in range(1, 5):
                with many.kept(f"no_such_type_{number}", Deadline(WARM)):
                    peak = max(peak, len(many._types))  # noqa: SLF001 - what is imported
            process = many._process  # noqa: SLF001 - to look at its children
            assert process is not None
            # The one that is in use.
            _wait_for(lambda: len(_descendants(process.pid)) == 1)
            assert list(many._types) == ["no_such_type_0"]  # noqa: SLF001 - as above
        assert peak == 2
    finally:
        many.close()


def test_a_type_waits_for_room_and_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MANY_TYPES", 1)
    many, entered = Servers(), threading.Event()

    def wait_for_room() -> None:
        with many.kept("no_such_type_1", Deadline(WARM)):
            entered.set()

    waiter = threading.Thread(target=wait_for_room)
    try:
        with many.kept("no_such_type_0", Deadline(WARM)):
            waiter.start()
            began = time.monotonic()
            with many.kept("no_such_type_2", Deadline(0.3)):
                assert 0.25 < time.monotonic() - began < 0.3 + LATE
            assert not entered.is_set()
        assert entered.wait(WARM)
    finally:
        waiter.join(WARM)
        many.close()


def test_nobody_waits_for_a_type_whose_import_starts_threads_but_its_check(checks: Checks) -> None:
    del checks
    many = Servers()
    try:
        with many.kept("hostile_threads", Deadline(WARM)):
            began = time.monotonic()
        with many.kept("hostile_threads", Deadline(WARM)):
            assert time.monotonic() - began < LATE
    finally:
        many.close()


def test_a_type_without_a_test_is_not_tried(checks: Checks) -> None:
    assert checks.verdict("fine", 20, "hostile_untested")[0] == "untestable"


def test_a_broken_or_missing_provider_is_said(checks: Checks) -> None:
    assert checks.verdict("fine", 20, "hostile_missing")[0] == "provider_broken"
    assert checks.verdict("fine", 20, "no_such_type")[0] == "no_provider"
    assert checks.verdict("fine", 20, "x" * 100)[0] == "no_provider"


def test_servers_that_were_killed_are_started_again(checks: Checks) -> None:
    assert checks.verdict("fine", 20)[0] == "ok"
    process = servers()._process  # noqa: SLF001 - to kill it
    assert process is not None
    process.kill()
    process.wait()
    assert checks.verdict("fine", WARM)[0] == "ok"


PARENT = """
import os, sys, threading
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.net.deadline import Deadline

def connection(does):
    return HookConnection("c", "hostile", schema=does, password="x", extra={"pids": sys.argv[1]})

check_hook(connection("fine"), Deadline(100))
for does in ("sleeps", "escapes_and_hangs"):
    threading.Thread(target=check_hook, args=(connection(does), Deadline(300)), daemon=True).start()
print("under way", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("how", ["end", "kill"])
def test_checks_end_with_their_process(checks: Checks, how: str) -> None:
    checks.pids.write_text("")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(checks.pids)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "under way\n"
        _wait_for(lambda: len(checks.noted()) == 4)
        started = _descendants(parent.pid)
        assert len(started) >= 4
        if how == "kill":
            parent.send_signal(signal.SIGKILL)
        else:
            parent.communicate("\n")
    _wait_for(lambda: not [pid for pid in started if _is_running(pid)])
    _wait_for(lambda: checks.alive() == [])


def test_nothing_of_a_connection_is_in_command_lines_environments_or_files(checks: Checks) -> None:
    checks.pids.write_text("")
    done = threading.Thread(target=checks.verdict, args=("escapes_and_hangs", 4.0))
    done.start()
    _wait_for(lambda: len(checks.noted()) == 2)
    said = [text for pid in [*_descendants(os.getpid()), *checks.noted()] for text in _readable(pid)]
    # Command line and environment of the servers and of the check.
    assert len(said) >= 6
    assert not [text for text in said if CANARY.encode() in text]
    done.join()


OF_AIRFLOW = (
    *("AIRFLOW_CONN_MY_DB", "AIRFLOW_VAR_MY_KEY", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
    *("AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY"),
    *("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CELERY__BROKER_URL"),
    *("AIRFLOW__OSIRIS__API_TOKEN", "AIRFLOW__SENTRY__SENTRY_DSN", "AIRFLOW__SMTP__SMTP_PASSWORD"),
)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Starts:
    """Return the command of a server and how it would be started, which it is not."""

    def start(*options: str) -> tuple[list[str], dict[str, Any]]:
        with monkeypatch.context() as patched:
            patched.setattr(subprocess, "Popen", lambda command, **how: (command, how))
            started: Any = processes._start(7, *options)  # noqa: SLF001 - that starts it
        command, how = started
        return command, how

    return start


def test_a_server_gets_a_socket_and_has_nothing_else_in_common_with_its_parent(starts: Starts) -> None:
    command, how = starts(SHARED)
    assert [command[0], command[1], *command[3:]] == [sys.executable, "-c", "7", SHARED]
    # A library that starts threads could not be forked, and Airflow would set up its database.
    environment = how.pop("env")
    assert {"_AIRFLOW__AS_LIBRARY": "1", "OPENBLAS_NUM_THREADS": "1"}.items() <= environment.items()
    assert environment["PATH"] == os.environ["PATH"]
    silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    assert how == {**silent, "pass_fds": (7,), "start_new_session": True}


@pytest.mark.parametrize("error", [None, ProcessLookupError])
def test_a_server_that_does_not_end_is_killed_with_all_that_it_has_started(
    error: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []
    killed: list[tuple[int, int]] = []

    class Stuck:
        pid = 4711

        def wait(self, timeout: float | None = None) -> None:
            waited.append(timeout)
            if len(waited) == 1:
                raise subprocess.TimeoutExpired([], 1.0)

    def kill(*group: int) -> None:
        killed.append(group)  # type: ignore[arg-type] # a number and a signal
        if error is not None:
            raise error

    monkeypatch.setattr(os, "killpg", kill)
    processes._end(Stuck())  # type: ignore[arg-type] # noqa: SLF001 - as much as it needs of a process
    assert waited == [processes.CLOSE_SECONDS, None]
    assert killed == [(4711, signal.SIGKILL)]
    processes._end(Stuck())  # type: ignore[arg-type] # noqa: SLF001 - and one that ends
    assert len(killed) == 1


def test_secrets_of_airflow_are_in_no_environment_of_a_check(starts: Starts, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OF_AIRFLOW:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/known")
    names = starts()[1]["env"]
    assert "AIRFLOW__CORE__DAGS_FOLDER" in names
    assert [name for name in OF_AIRFLOW if name in names] == []


CONNECTIONS = """
version: 1
connections:
  mysql:
    default: {host: "${SHOP_HOST}", user: reader, password: "x${SHOP_PASSWORD}", database: shop}
  postgres:
    default: {dsn: "postgres://loader:${DWH_PASSWORD:-none}@dwh/x"}
  airflow:
    lake:
      conn_type: snowflake
      password: ${SNOW_PASSWORD}
      extra: '{"private_key_content": "${SNOW_KEY}", "region": "${REGION}", "inner": {"token": "${INNER_TOKEN}"}}'
    ssh:
      conn_type: ssh
      extra: {private_key_file: "${HOME}/key", aws_secret_access_key: "${AWS_SECRET_ACCESS_KEY}"}
    http:
      conn_type: http
      extra: {password: "${https_proxy}", token: "${ALL_PROXY}", api_key: "${PROXY}", secret: "${MY_HOME}"}
  no_such_family:
    default: {password: "${OTHER}"}
"""
SECRET = ("SHOP_PASSWORD", "DWH_PASSWORD", "SNOW_PASSWORD", "SNOW_KEY", "INNER_TOKEN", "PROXY", "MY_HOME")
NEEDED = ("SHOP_HOST", "REGION", "HOME", "AWS_SECRET_ACCESS_KEY", "UNRELATED", "https_proxy", "ALL_PROXY")


def test_secrets_of_the_connections_file_are_in_no_environment_of_a_check(
    starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "osiris_connections.yaml"
    file.write_text(CONNECTIONS)
    monkeypatch.setenv("AIRFLOW__OSIRIS__CONNECTIONS_FILE", str(file))
    for name in (*SECRET, *NEEDED):
        monkeypatch.setenv(name, f"/value-of-{name}")
    names = starts()[1]["env"].keys()
    assert (names.isdisjoint(SECRET), names >= {*NEEDED}) == (True, True)


def test_nor_those_of_a_file_that_was_named(starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMED_PASSWORD", CANARY)
    file = tmp_path / "named.yaml"
    file.write_text(
        "{version: 1, connections: {mysql: {default: {host: x, database: x, user: x, password: '${NAMED_PASSWORD}'}}}}"
    )
    resolve_connection("@mysql", file=file)
    assert CANARY not in str(starts()[1]["env"])


def _wait_for(condition: object, seconds: float = 30.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    actual: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            actual += map(int, (task / "children").read_text().split())
    return actual + [deeper for one in actual for deeper in _descendants(one)]


def _readable(pid: int) -> Iterator[bytes]:
    """Yield what other processes can read of one: command line, environment, and the files that it has open."""
    process = Path(f"/proc/{pid}")
    with suppress(FileNotFoundError, ProcessLookupError):
        yield (process / "cmdline").read_bytes()
        yield (process / "environ").read_bytes()
        for descriptor in (process / "fd").iterdir():
            if descriptor.is_file():
                yield descriptor.read_bytes()


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
