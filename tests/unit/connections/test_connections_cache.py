"""The file is parsed once for as long as it stays the same, and an edit is seen at once (CONN-001)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from osiris_provider.connections import list_connections, load, resolve_connection
from osiris_provider.connections.file import ConnectionsFile, parse
from osiris_provider.connections.load import load_connections
from osiris_provider.connections.reader import read_text
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import SAMPLES, mysql, write

TOP = "version: 1\nconnections:\n  mysql:\n"


def test_conn_001_read_once(tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    assert load_connections(file) is load_connections(file)


def test_threads_that_see_a_new_file_parse_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, SAMPLES)
    alone: list[bool] = []
    busy = threading.Lock()

    def slowly(path: Path, text: str) -> ConnectionsFile:
        alone.append(busy.acquire(blocking=False))
        try:
            return parse(path, text)
        finally:
            if alone[-1]:
                busy.release()

    monkeypatch.setattr(load, "parse", slowly)
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(load_connections, [file] * 32))
    assert {id(actual) for actual in files} == {id(files[0])}
    assert alone == [True]


def test_a_turn_that_never_ends_keeps_nobody_back_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Lock()
    held.acquire()
    monkeypatch.setattr(load, "_TURN", held)
    monkeypatch.setattr(load, "_LONGEST_TURN", 0.01)
    assert load_connections(write(tmp_path, SAMPLES)).path


def test_conn_001_an_edit_is_seen_at_once(tmp_path: Path) -> None:
    for host in ("aaaa", "bbbb", "cccc"):
        file = write(tmp_path, mysql(f"database: {host}"))
        assert list_connections(file)[0]["database"] == host


def test_conn_001_an_edit_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    for host in ("aaaa", "bbbb"):
        file = write(tmp_path, mysql(f"database: {host}"))
        assert list_connections(file)[0]["database"] == host


def test_a_file_that_has_not_changed_for_a_while_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, mysql("database: aaaa"))
    reads: list[Path] = []
    monkeypatch.setattr(load, "read_text", lambda path: reads.append(path) or read_text(path))  # type: ignore[func-returns-value] # append returns None, as meant
    # As if the file had been written long ago.
    monkeypatch.setattr(load, "_TICK", -60)
    monkeypatch.setattr(load, "_FRESH", 60)
    assert {list_connections(file)[0]["database"] for _ in range(5)} == {"aaaa"}
    assert len(reads) == 1
    write(tmp_path, mysql("database: of another size"))
    assert {list_connections(file)[0]["database"] for _ in range(5)} == {"of another size"}
    assert len(reads) == 2


def test_an_edit_that_the_file_system_does_not_tell_of_is_seen_a_little_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_state_of", lambda _path: (1, 2, 3, 4, 5))
    monkeypatch.setattr(load, "_FRESH", 0.3)
    file = write(tmp_path, mysql("database: aaaa"))
    assert list_connections(file)[0]["database"] == "aaaa"
    write(tmp_path, mysql("database: bbbb"))
    assert list_connections(file)[0]["database"] == "aaaa"
    time.sleep(0.35)
    assert list_connections(file)[0]["database"] == "bbbb"


def test_conn_001_symlink_that_is_switched(tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    for host in ("aaaa", "bbbb"):
        (tmp_path / host).mkdir()
        file = write(tmp_path / host, mysql(f"database: {host}"))
        link.unlink(missing_ok=True)
        link.symlink_to(file)
        assert list_connections(link)[0]["database"] == host


def test_conn_001_mended_file(tmp_path: Path) -> None:
    file = write(tmp_path, "nonsense")
    with pytest.raises(ConnectionConfigError):
        list_connections(file)
    assert list_connections(write(tmp_path, mysql("")))


def test_conn_001_removed_file(tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    assert list_connections(file)
    file.unlink()
    with pytest.raises(ConnectionConfigError, match="does not exist"):
        list_connections(file)


def test_conn_001_threads_never_see_half_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, mysql("database: d0"))
    stop = threading.Event()

    def replace() -> None:
        for number in range(100):
            new = tmp_path / f"new{number % 2}"
            new.write_text(mysql(f"database: d{number}"))
            new.replace(file)
        stop.set()

    def read() -> int:
        seen = 0
        while not stop.is_set():
            assert resolve_connection("@mysql.default", file)["database"].startswith("d")
            seen += 1
        return seen

    with ThreadPoolExecutor(4) as pool:
        reads = [pool.submit(read) for _ in range(3)]
        pool.submit(replace).result()
        assert sum(done.result() for done in reads) > 0


def _many(count: int) -> Iterator[str]:
    yield TOP
    for number in range(count):
        yield (
            f"    c{number}:\n      host: db{number}.example.com\n      port: 3306\n      database: mydb\n"
            f"      user: admin\n      password: ${{PASSWORD_{number}}}\n      charset: utf8mb4\n      ssl: false\n"
        )


def test_conn_001_thousands_of_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_4999", "p")
    file = write(tmp_path, "".join(_many(5000)))
    started = time.thread_time()
    assert len(load_connections(file).entries) == 5000
    assert time.thread_time() - started < 5
    started = time.thread_time()
    assert len(list_connections(file)) == 5000
    assert time.thread_time() - started < 5
    started = time.thread_time()
    for _ in range(100):
        assert resolve_connection("@mysql.c4999", file)["password"] == "p"
    assert time.thread_time() - started < 5
