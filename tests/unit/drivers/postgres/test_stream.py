"""What a stream of PostgreSQL gives, and says, where the server fails at a row; without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from osiris_provider.drivers.data import BATCH_ROWS, ColumnNeedsTextError
from osiris_provider.drivers.postgres.arrow_types import DATE, TEXT, Column
from osiris_provider.drivers.postgres.copy_out import stream
from osiris_provider.drivers.postgres.copy_out.blocks import BlockParser
from osiris_provider.errors import DataError, DriverConfigError

DAY = Column("day", DATE)
GOOD, BAD = b"2024-02-29\n2024-03-01\n", b"2024-02-29\ninfinity\n"


class NotUTF8Error(psycopg2.DataError):
    pgcode = "22021"


class UntranslatableError(psycopg2.DataError):
    pgcode = "22P05"


class GoneError(psycopg2.OperationalError):
    pgcode = None


class Blocks:
    """What COPY has given until it failed, if it did."""

    def __init__(self, blocks: list[bytes], error: Exception | None) -> None:
        self.blocks, self.error = blocks, error

    def __iter__(self) -> Iterator[bytes]:
        yield from self.blocks
        if self.error is not None:
            raise self.error

    def parsed(self, block: bytes, parse: Callable[[bytes], pa.RecordBatch]) -> pa.RecordBatch:
        return parse(block)


def read(blocks: list[bytes], error: Exception | None = None) -> list[pa.RecordBatch]:
    given: Any = Blocks(blocks, error)
    return list(stream._parsed(given, BlockParser([DAY])))  # noqa: SLF001 - as a stream reads


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_blocks_are_parsed_in_their_order(count: int) -> None:
    batches = read([b"2024-02-%02d\n" % day for day in range(1, count + 1)])
    assert [batch["day"][0].as_py().day for batch in batches] == list(range(1, count + 1))


@pytest.mark.parametrize("error", [NotUTF8Error, UntranslatableError])
@pytest.mark.parametrize("blocks", [0, 1, 5])
def test_the_row_after_the_last_is_the_one_that_is_no_utf8(error: type[Exception], blocks: int) -> None:
    with pytest.raises(DataError, match=f"a text in row {2 * blocks + 1:,} of the result as UTF-8") as raised:
        read([GOOD] * blocks, error())
    assert raised.value.row == 2 * blocks + 1


def test_what_is_wrong_with_an_earlier_row_is_said_first() -> None:
    with pytest.raises(ColumnNeedsTextError, match="row 4 of the result"):
        read([GOOD, BAD], NotUTF8Error())


def test_another_error_of_the_server_passes_as_it_is() -> None:
    with pytest.raises(GoneError):
        read([GOOD], GoneError())


def fetched(answers: list[Any]) -> Iterator[pa.RecordBatch]:
    def fetch(rows: int) -> list[tuple[Any, ...]]:
        assert rows == BATCH_ROWS // 8
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [(text,) for text in answer]

    return stream._fetched(fetch, [Column("a", TEXT)], lenient=False)  # noqa: SLF001 - as a cursor is read


def test_a_cursor_is_read_until_there_are_no_rows() -> None:
    assert [batch["a"].to_pylist() for batch in fetched([["a", "b"], ["c"], []])] == [["a", "b"], ["c"]]


@pytest.mark.parametrize("error", [NotUTF8Error, UntranslatableError])
def test_a_cursor_says_among_which_rows_one_is_no_utf8(error: type[Exception]) -> None:
    last = 2 + BATCH_ROWS // 8
    with pytest.raises(DataError, match=f"rows 3 to {last:,} of the result as UTF-8") as raised:
        list(fetched([["a", "b"], error()]))
    assert raised.value.row == 3
    with pytest.raises(GoneError):
        list(fetched([GoneError()]))


class Session:
    filtered = False

    def __init__(self) -> None:
        self.finished: list[bool] = []

    def finish(self, *, commit: bool) -> None:
        self.finished.append(commit)


def opened(batches: Iterator[Any], columns: list[Column] | None = None) -> tuple[stream.Stream, Session, list[str]]:
    session: Any = Session()
    stopped: list[str] = []
    columns = [DAY] if columns is None else columns
    return stream.Stream(session, columns, batches, lambda: stopped.append("stop"), how=""), session, stopped


def failing() -> Iterator[int]:
    yield 1
    raise KeyboardInterrupt


def test_a_stream_commits_at_its_end_and_only_once() -> None:
    opened_stream, session, stopped = opened(iter([1, 2]))
    assert list(opened_stream) == [1, 2]
    assert list(opened_stream) == []
    opened_stream.close()
    assert (session.finished, stopped) == ([True], ["stop"])


@pytest.mark.parametrize("how", ["closed", "left", "dropped", "failed"])
def test_a_stream_that_is_not_read_to_its_end_rolls_back(how: str) -> None:
    opened_stream, session, stopped = opened(failing())
    assert next(opened_stream) == 1
    if how == "closed":
        opened_stream.close()
    elif how == "left":
        with opened_stream as entered:
            assert entered is opened_stream
    elif how == "failed":
        with pytest.raises(KeyboardInterrupt):
            next(opened_stream)
    if how != "dropped":
        assert list(opened_stream) == []
    del opened_stream
    assert (session.finished, stopped) == ([False], ["stop"])


def test_rows_without_columns_are_none() -> None:
    assert list(opened(iter([1]), [])[0]) == []


class Described(Session):
    """A session that knows the columns of a query, or that it cannot be part of another one."""

    def __init__(self, columns: list[Column] | None) -> None:
        super().__init__()
        self.columns = columns

    def text(self, query: str, params: Any) -> str:
        return f"{query} {params}"

    def describe(self, query: str) -> list[Column] | None:
        assert query == "SELECT [1]"
        return self.columns


@pytest.fixture
def route(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return which way a query is read that is described so."""

    def route(columns: list[Column] | None, engine: Any, **options: Any) -> str:
        ways: list[str] = []

        def way(name: str, result: Any) -> Callable[..., Any]:
            def go(*_: Any, **__: Any) -> Any:
                ways.append(name)
                return result

            return go

        blocks = Blocks([], None)
        monkeypatch.setattr(blocks, "close", lambda: None, raising=False)
        monkeypatch.setattr(stream, "Session", lambda _: Described(columns))
        monkeypatch.setattr(stream, "_direct", way("direct", None))
        monkeypatch.setattr(stream, "_through_cursor", way("cursor", iter(())))
        monkeypatch.setattr(stream, "CopyBlocks", way("copy", blocks))
        connection: Any = None
        opened = stream.open_stream(connection, "SELECT", [1], engine=engine, **options)
        # The log says why it is that way.
        assert opened is None or ("config field engine says so" in opened.how) == (engine != "auto")
        return ways[0]

    return route


@pytest.mark.parametrize(
    ("engine", "copied", "not_copied"),
    [("auto", "copy", "direct"), ("copy", "copy", None), ("cursor", "cursor", "direct")],
)
def test_the_way_that_a_query_is_read(
    engine: str, copied: str, not_copied: str | None, route: Callable[..., Any]
) -> None:
    assert route([DAY], engine) == copied
    if not_copied is not None:
        assert route(None, engine) == not_copied
        return
    with pytest.raises(DriverConfigError, match="cannot be copied") as raised:
        route(None, engine)
    assert raised.value.field == "engine"


@pytest.mark.parametrize("engine", ["auto", "copy", "cursor"])
def test_what_is_wrong_with_the_config_ends_the_transaction(engine: str, route: Callable[..., Any]) -> None:
    with pytest.raises(DriverConfigError, match="text_columns"):
        route([DAY], engine, text_columns=["no such"])
    assert route([DAY], engine, text_columns=["day"]) == ("cursor" if engine == "cursor" else "copy")


class Direct:
    """A cursor that has columns and rows once it has run a statement, and not before."""

    description: Any = None

    def __init__(self) -> None:
        self.rows: list[list[tuple[str]]] = []
        self.is_open = True

    def execute(self, statement: str) -> None:
        assert statement == "SHOW all"
        self.description, self.rows = [("a", TEXT, None, None, None, None, None)], [[("x",), ("y",)]]

    def fetchmany(self, _: int) -> list[tuple[str]]:
        return self.rows.pop() if self.rows else []

    def close(self) -> None:
        self.is_open = False


def test_a_statement_that_cannot_be_part_of_another_is_run_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_as_text", lambda _: None)
    cursor, session = Direct(), Session()
    given: Any = session
    given.connection = SimpleNamespace(cursor=lambda: cursor)
    opened = stream._direct(given, "SHOW all", (), lenient=False)  # noqa: SLF001 - where a query cannot be described
    assert [batch.to_pydict() for batch in opened] == [{"a": ["x", "y"]}]
    assert (session.finished, cursor.is_open) == ([True], False)
