"""What DuckDB and the operating system say of a file or a query, each with its fault."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from osiris_provider.connectors.duckdb import DuckDBConnector, connector
from osiris_provider.connectors.duckdb.client import DuckDBClient, next_batch, waited
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.connectors.sql.faults import DEADLOCK

CONNECTOR = DuckDBConnector()
FULL, QUOTA, READ_ONLY = (os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS))


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (duckdb.OutOfMemoryException("x"), "out_of_memory"),
        (duckdb.TransactionException("x"), "conflict"),
        (duckdb.IOException("x"), "file_failed"),
        (duckdb.PermissionException("x"), "external_access"),
        (duckdb.CatalogException("x"), "no_such_table"),
        (duckdb.ParserException("x"), "bad_sql"),
        (duckdb.BinderException("x"), "bad_sql"),
        (duckdb.ConstraintException("x"), "bad_data"),
        (duckdb.ConversionException("x"), "bad_data"),
        # A commit for which there is no room has the class of a conflict.
        (duckdb.TransactionException(f"Failed to commit: {FULL}\n"), "no_space"),
        (duckdb.IOException(f"Could not write: {QUOTA}"), "no_space"),
        (duckdb.IOException(f"Could not write: {READ_ONLY}"), "not_allowed"),
        (duckdb.IOException(f"{FULL}: x"), "file_failed"),
        (ValueError(FULL), None),
        (DiagnosedError(DEADLOCK), "deadlock"),
        (TimeoutError(errno.EACCES, "x"), None),
        (OSError("x"), None),
        *(
            (OSError(number, "x"), slug)
            for slug, numbers in {
                "database_locked": [errno.EAGAIN],
                "not_allowed": [errno.EACCES, errno.EPERM, errno.EROFS],
                "no_directory": [errno.ENOENT, errno.ENOTDIR],
                "not_a_file": [errno.EISDIR],
                "bad_path": [errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL],
                "no_space": [errno.ENOSPC, errno.EDQUOT],
            }.items()
            for number in numbers
        ),
    ],
)
def test_conn_010_what_is_wrong(error: Exception, slug: str | None) -> None:
    fault = CONNECTOR.fault_of(error)
    assert (fault and fault.slug) == slug


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('IO Error: {"errno":"13"}', 13),
        ('{"errno":2}', 2),
        ('x {"a":1}', 0),
        ("IO Error: no JSON", 0),
        ('{"errno":"x"}', 0),
    ],
)
def test_the_number_of_an_error_is_in_its_json(text: str, number: int) -> None:
    assert connector._errno(text) == number  # noqa: SLF001 - DuckDB tells it no other way


class Reader:
    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def read_next_batch(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Out of Range Error: x", duckdb.OutOfRangeException),
        ("Conversion Error: Error: x", duckdb.ConversionException),
        ("IO Error: x", duckdb.IOException),
        ("Out of Memory Error: x", duckdb.OutOfMemoryException),
        ("Unheard of Error: x", OSError),
        ("Conversion: x", OSError),
        ("x", OSError),
        ("", OSError),
    ],
)
def test_an_error_of_a_stream_has_the_class_that_its_text_names(text: str, expected: type[Exception]) -> None:
    reader: Any = Reader(OSError(text))
    with DuckDBClient(duckdb.connect()) as client:
        cursor: Any = client
        with pytest.raises(expected) as raised:
            next_batch(cursor, reader)
    assert type(raised.value) is expected
    assert str(raised.value) == text
    assert raised.value.__suppress_context__


def test_a_stream_has_batches_until_it_ends() -> None:
    with duckdb.connect() as plain, DuckDBClient(duckdb.connect()) as client:
        for cursor in (plain, client):
            at: Any = cursor
            batch, end = Reader("batch"), Reader(StopIteration())
            readers: list[Any] = [batch, end]
            assert [next_batch(at, reader) for reader in readers] == ["batch", None]
            assert waited(at, lambda: 7) == 7


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    at_work: set[int] = set()
    monkeypatch.setattr("osiris_provider.connectors.duckdb.client.is_busy", lambda client: id(client) in at_work)
    yield at_work
    at_work.clear()


class Raw:
    """What DuckDB has of a connection."""

    def __init__(self, done: list[str], name: str = "client") -> None:
        self.done, self.name = done, name

    def cursor(self) -> Raw:
        return Raw(self.done, f"{self.name}'s cursor")

    def interrupt(self) -> None:
        self.done.append(f"interrupt {self.name}")

    def close(self) -> None:
        self.done.append(f"close {self.name}")


@pytest.mark.parametrize("at_work", ["client", "cursor", "cursor of a cursor"])
def test_what_is_at_work_is_interrupted_and_closed_later(at_work: str, busy: set[int]) -> None:
    done: list[str] = []
    raw: Any = Raw(done)
    client = DuckDBClient(raw)
    cursor = client.cursor()
    inner = cursor.cursor()
    one = {"client": client, "cursor": cursor, "cursor of a cursor": inner}[at_work]
    busy.add(id(one))
    client.close()
    raw_one: Any = one.raw
    assert (done, client.closed) == ([f"interrupt {raw_one.name}"], False)
    busy.clear()
    client.close()
    assert (done[1:], client.closed) == (["close client"], True)


@pytest.mark.parametrize("missing", [None, os.R_OK, os.W_OK, os.X_OK])
def test_a_file_can_be_created_where_its_directory_can_be_written_to_and_entered(
    missing: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: not (missing or 0) & mode)
    verdict = CONNECTOR.doctor({"path": str(tmp_path / "new.duckdb")}, 10)[1]
    assert verdict["details"].get("fault") == (None if missing in (None, os.R_OK) else "not_allowed")
    assert verdict["details"].get("exists", True) == (missing not in (None, os.R_OK))
