"""What doctor says of database files in every state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from osiris_provider.connectors.duckdb import DuckDBConnector
from osiris_provider.connectors.duckdb.faults import FAULT_BY_CLASS, FAULT_BY_ERRNO
from osiris_provider.errors import ConnectionConfigError, PermissionDeniedError, UnknownConnectorError

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.communicate()


@pytest.fixture
def connector() -> Iterator[DuckDBConnector]:
    connector = DuckDBConnector()
    yield connector
    connector.close_all()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "Ann's.duckdb"
    duckdb.connect(path).close()
    return path


def verdict_on(connector: DuckDBConnector, path: Path | str, **fields: Any) -> tuple[str, str, bool]:
    ok, verdict = connector.doctor({"family": "duckdb", "alias": "it", "path": str(path), **fields}, timeout=10)
    assert not ok
    return verdict["details"]["fault"], verdict["category"], verdict["details"]["retryable"]


def test_healthy_file(connector: DuckDBConnector, database: Path) -> None:
    before = database.stat().st_mtime_ns
    ok, verdict = connector.doctor({"path": str(database)}, timeout=10)
    assert ok
    assert verdict["details"] == {"server_version": duckdb.__version__}
    assert database.stat().st_mtime_ns == before


def test_file_that_does_not_exist_yet_is_well_and_not_created(connector: DuckDBConnector, tmp_path: Path) -> None:
    ok, verdict = connector.doctor({"path": str(tmp_path / "new.duckdb")})
    assert ok
    assert verdict["details"]["exists"] is False
    assert not list(tmp_path.iterdir())


def test_home_directory(connector: DuckDBConnector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    connector.client({"path": "~/mine.duckdb"})
    assert (tmp_path / "mine.duckdb").exists()


def test_missing_file_for_reading(connector: DuckDBConnector, tmp_path: Path) -> None:
    assert verdict_on(connector, tmp_path / "none.duckdb", read_only=True) == ("no_file", "unknown", False)


def test_missing_directory(connector: DuckDBConnector, tmp_path: Path) -> None:
    assert verdict_on(connector, tmp_path / "none" / "x.duckdb") == ("no_directory", "unknown", False)


def test_directory(connector: DuckDBConnector, tmp_path: Path) -> None:
    assert verdict_on(connector, tmp_path) == ("not_a_file", "unknown", False)


def test_fifo_does_not_hang(connector: DuckDBConnector, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert verdict_on(connector, tmp_path / "fifo") == ("not_a_file", "unknown", False)


@pytest.mark.parametrize("content", [b"", b"no database", b"x" * 50_000])
@pytest.mark.parametrize("name", ["other", "Ann's other"])
def test_file_of_another_kind(connector: DuckDBConnector, tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert verdict_on(connector, tmp_path / name) == ("not_a_database", "unknown", False)
    assert (tmp_path / name).read_bytes() == content


def test_name_too_long(connector: DuckDBConnector, tmp_path: Path) -> None:
    assert verdict_on(connector, tmp_path / ("x" * 300)) == ("bad_path", "unknown", False)


@pytest.mark.parametrize("read_only", [True, False])
def test_locked_by_another_process(connector: DuckDBConnector, database: Path, read_only: bool) -> None:
    with held_by_another_process(database):
        assert verdict_on(connector, database, read_only=read_only) == ("database_locked", "unknown", True)
    assert connector.doctor({"path": str(database)})[0]


def test_client_waits_for_its_turn(connector: DuckDBConnector, database: Path) -> None:
    with held_by_another_process(database) as holder:
        with pytest.raises(UnknownConnectorError, match="Another process") as raised:
            connector.create_client({"path": str(database), "lock_timeout": 0.1})
        assert raised.value.fault.slug == "database_locked"
        assert holder.stdin is not None
        holder.stdin.close()
        started = time.monotonic()
        connector.create_client({"path": str(database), "lock_timeout": 30}).close()
        assert time.monotonic() - started < 20
        holder.stdin = None


def test_doctor_keeps_the_lock_of_this_process(connector: DuckDBConnector, database: Path) -> None:
    client = connector.client({"path": str(database)})
    assert connector.doctor({"path": str(database)})[0]
    for other in ({"read_only": True}, {"memory": "1GB"}):
        assert verdict_on(connector, database, **other) == ("other_settings", "unknown", False)
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    other_process = subprocess.run([sys.executable, "-c", code, str(database)], capture_output=True, check=False)
    assert other_process.returncode != 0, "the lock was lost"
    assert client.execute("SELECT 1").fetchone() == (1,)


def test_readers_share_a_file(connector: DuckDBConnector, database: Path) -> None:
    connector.client({"path": str(database), "read_only": True})
    code = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True)"
    subprocess.run([sys.executable, "-c", code, str(database)], check=True)


@pytest.mark.parametrize(
    ("hide", "faults"),
    [
        (lambda path: path.chmod(0), ["not_allowed", "not_allowed", "not_allowed"]),
        (lambda path: path.chmod(0o444), ["not_allowed", "ok", "not_allowed"]),
        (lambda path: path.parent.chmod(0), ["not_allowed", "not_allowed", "not_allowed"]),
    ],
)
def test_rights(tmp_path: Path, hide: Callable[[Path], None], faults: list[str]) -> None:
    """Root may do everything, so another process asks, which has loaded all modules and then given up its rights."""
    directory = tmp_path / "closed"
    directory.mkdir()
    database = directory / "some.duckdb"
    duckdb.connect(database).close()
    for parent in (directory, *directory.parents):
        parent.chmod(parent.stat().st_mode | 0o755)
    hide(database)
    asked = [{"path": str(database)}, {"path": str(database), "read_only": True}, {"path": str(directory / "new")}]
    code = (
        "import json, os, sys; from osiris_provider.connectors.duckdb import DuckDBConnector;"
        "connector = DuckDBConnector(); connector.doctor({'path': ':memory:'});"
        "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534));"
        "[print(connector.doctor(one)[1]['details'].get('fault', 'ok')) for one in json.loads(sys.argv[1])]"
    )
    command = [sys.executable, "-c", code, json.dumps(asked)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    directory.chmod(0o755)
    assert said.stdout.split() == faults, said.stderr


def test_permission_is_its_own_error(connector: DuckDBConnector) -> None:
    error = connector.error_of(PermissionError(13, "no"), {"family": "duckdb", "path": "/x"})
    assert isinstance(error, PermissionDeniedError)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"path": "s3://bucket/x.duckdb"}, "local file"),
        ({"path": "md:mine"}, "local file"),
        ({"path": ":memory:", "read_only": True}, "in-memory"),
        ({"path": "x", "memory": "lots"}, "2GB"),
        ({"path": "x", "threads": 0}, "threads"),
        ({"path": ""}, "path"),
    ],
)
def test_fields_that_make_no_sense(connector: DuckDBConnector, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConnectionConfigError, match=said):
        connector.create_client(fields)


def test_settings_reach_the_database(connector: DuckDBConnector, database: Path) -> None:
    client = connector.client({"path": str(database), "memory": "500MB", "threads": 1})
    actual = client.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()
    assert actual == (1, "476.8 MiB")


def test_in_memory_database_spills_into_the_temporary_directory(connector: DuckDBConnector) -> None:
    actual = connector.client({"path": ":memory:"}).execute("SELECT current_setting('temp_directory')").fetchone()
    assert actual is not None
    assert "osiris-duckdb" in actual[0]


def test_every_class_of_the_table_is_one_of_duckdb() -> None:
    assert all(issubclass(getattr(duckdb, name), duckdb.Error) for name in FAULT_BY_CLASS)


def test_every_fault_says_what_to_do() -> None:
    for fault in {*FAULT_BY_ERRNO.values(), *FAULT_BY_CLASS.values()}:
        assert fault.message.count(". ") >= 1 or fault.slug == "bad_data"
        assert "[" not in fault.message


def test_conn_016_dsn(connector: DuckDBConnector) -> None:
    assert connector.build_dsn({"path": "/data/my file#1.duckdb"}) == "duckdb:///data/my%20file%231.duckdb"
    assert connector.build_dsn({"path": ":memory:"}) == "duckdb:///:memory:"
