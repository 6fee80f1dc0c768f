"""How rows get into a table of MySQL, by LOAD DATA and by INSERTs, and which row is named that it does not take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from osiris_provider.drivers.mysql.bulk.load import Sink, Target, load_local, obstacle
from osiris_provider.drivers.mysql.tables import UniqueKey
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.errors import DataError, DriverConfigError
from pymysql.protocol import MysqlPacket
from typing_extensions import Self

from tests.unit.drivers.mysql import Answer, Server, refused

INNODB, MYISAM = [("BASE TABLE", "InnoDB", "YES")], [("BASE TABLE", "MyISAM", "NO")]
ON, OFF = [(1,)], [(0,)]
TAKEN = "LOAD DATA"


def ok(rows: int, warnings: int = 0) -> bytes:
    return b"\0\xfd" + rows.to_bytes(3, "little") + b"\0\2\0" + min(warnings, 9).to_bytes(2, "little")


class Table(Server):
    """A server with a table of numbers.

    :param refused: numbers that the table does not take.
    :param code: of the error that it has then.
    :param answers: to other statements.
    """

    def __init__(self, refused: Sequence[int] = (), code: int = 1264, answers: dict[str, Answer] | None = None) -> None:
        settings: dict[str, Answer] = {"max_allowed_packet": [(1 << 20,)], "information_schema.engines": INNODB}
        super().__init__({**settings, "local_infile": ON, **(answers or {})})
        self.connection: Any = Connection(self)
        self.refused, self.code = set(refused), code
        self.numbers: list[int] = []
        self.warnings: list[tuple[str, int, str]] = []
        self.saved: list[int] = []

    @property
    def target(self) -> Target:
        return Target("copy", "orders", [Column("n"), Column("b", kind="bit")], [UniqueKey("PRIMARY", ["n"])])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: Any = None) -> None:
        super().execute(statement, values)
        if statement.startswith("SAVEPOINT"):
            self.saved = list(self.numbers)
        elif statement.startswith("ROLLBACK TO SAVEPOINT"):
            self.numbers = self.saved
        elif statement.startswith("SHOW WARNINGS"):
            self._rows = self.warnings[:1]

    def insert(self, statement: bytes) -> None:
        """Insert the rows of a statement, all or none."""
        head, _, values = statement.decode().partition(" VALUES ")
        assert head == "INSERT INTO `copy` (`n`)"
        numbers = [int(number) for number in re.findall(r"\('(-?\d+)'\)", values)]
        if self.refused.intersection(numbers):
            raise pymysql.DataError(self.code, "Out of range value for column 'n' at row 1")
        self.numbers += numbers

    def load(self, lines: bytes) -> bytes:
        """Take the lines that it can take, and warn of the others."""
        numbers = [int(line) for line in lines.decode().split()]
        taken = [number for number in numbers if number not in self.refused]
        left = len(numbers) - len(taken)
        self.numbers += taken
        self.warnings = [("Warning", self.code, "Out of range value for column 'n' at row 1")] * left
        return ok(len(taken), left)


class Connection:
    """PyMySQL's connection to the server of a table."""

    def __init__(self, table: Table) -> None:
        self._table, self._sent = table, b""
        self.query = table.insert

    def cursor(self) -> Table:
        return self._table

    def write_packet(self, data: bytes) -> None:
        self._sent += data

    def _execute_command(self, _: int, statement: str) -> None:
        assert statement.startswith("LOAD DATA LOCAL INFILE 'osiris' INTO TABLE `copy` ")

    def _read_packet(self) -> MysqlPacket:
        sent, self._sent = self._sent, b""
        return MysqlPacket(self._table.load(sent) if sent else b"\xfbosiris", "utf8")


def batches(*sizes: int) -> Any:
    first = 0
    for size in sizes:
        yield pa.record_batch({"n": range(first, first + size)})
        first += size


@pytest.mark.parametrize(
    ("engine", "switch", "chosen"),
    [
        ("auto", ON, "load_data"),
        ("auto", OFF, "insert"),
        ("load_data", ON, "load_data"),
        ("insert", ON, "insert"),
        ("insert", OFF, "insert"),
    ],
)
def test_load_data_is_taken_where_the_server_allows_it(engine: Any, switch: Answer, chosen: str) -> None:
    table = Table(answers={"local_infile": switch})
    assert Sink(table.cursor, engine, "load").engine == chosen
    assert (obstacle(table.cursor) == "") == (switch is ON)


def test_load_data_that_is_asked_for_and_not_allowed_is_a_mistake() -> None:
    with pytest.raises(DriverConfigError, match="Step load: engine load_data cannot be used") as raised:
        Sink(Table(answers={"local_infile": OFF}).cursor, "load_data", "load")
    assert raised.value.step == "load"


ENGINES = ["load_data", "insert"]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_rows_are_written_once(engine: Any) -> None:
    table = Table()
    assert Sink(table.cursor, engine, "load").fill(table.target, batches(3, 1, 40_000)) == 40_004
    assert table.numbers == list(range(40_004))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", [0, 2, 3, 4, 5, 30_000])
def test_the_first_row_that_is_refused_is_named(engine: Any, number: int) -> None:
    table = Table([number, number + 1])
    with pytest.raises(DataError) as raised:
        Sink(table.cursor, engine, "load").fill(table.target, batches(3, 1, 40_000))
    assert (raised.value.table, raised.value.column, raised.value.row) == ("orders", "n", number + 1)
    assert "error 1264" in str(raised.value)
    # What went before it is there once, and nothing behind it.
    assert sorted(table.numbers) == list(range(number))


@pytest.mark.parametrize(("engine", "among"), [("load_data", "rows 4 to 13"), ("insert", "rows 4 to 13")])
def test_where_a_statement_is_not_undone_only_the_batch_is_named(engine: Any, among: str) -> None:
    table = Table([5], answers={"information_schema.engines": MYISAM})
    with pytest.raises(DataError, match=f"orders: among {among} of the input: .*error 1264"):
        Sink(table.cursor, engine, "load").fill(table.target, batches(3, 10))
    assert not any(statement.startswith("ROLLBACK") for statement in table.statements)


@pytest.mark.parametrize("engine", ENGINES)
def test_another_error_than_of_a_row_is_what_is_said(engine: Any) -> None:
    table = Table([5], 1205)
    with pytest.raises(pymysql.MySQLError, match="1205"):
        Sink(table.cursor, engine, "load").fill(table.target, batches(10))


def test_a_row_that_no_statement_holds_is_named() -> None:
    table = Table(answers={"max_allowed_packet": [(1100,)]})
    rows = pa.record_batch({"n": ["1", "2", "x" * 100]})
    with pytest.raises(DataError, match=r"orders: row 5 of the input takes more than the \d\d bytes ") as raised:
        Sink(table.cursor, "insert", "load").fill(table.target, iter([rows.slice(0, 2), rows]))
    assert raised.value.row == 5


def test_the_columns_of_bits_are_those_of_the_table() -> None:
    assert (Table().target.bits, Table().target.quoted) == ({"b"}, "`copy`")
    assert Target("s.t", "t", []).quoted == "`s`.`t`"


class Line:
    """A connection that hears rows and says packets; an error is raised in the place of one.

    :param said: packets.
    """

    def __init__(self, *said: bytes | BaseException) -> None:
        self._said, self.heard, self.is_closed = iter(said), list[bytes](), False

    def _execute_command(self, command: int, statement: str) -> None:
        assert (command, statement) == (3, TAKEN)

    def _read_packet(self) -> MysqlPacket:
        said = next(self._said)
        if isinstance(said, BaseException):
            raise said
        return MysqlPacket(said, "utf8")

    def write_packet(self, data: bytes) -> None:
        self.heard.append(data)

    def _force_close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 3 << 18])
def test_rows_go_out_in_pieces_and_end_with_the_end_of_a_line(size: int) -> None:
    rows = bytes(range(256)) * (size // 256 + 1)
    line: Any = Line(b"\xfb/etc/passwd", ok(7, 3))
    assert load_local(line, TAKEN, memoryview(rows)[:size]) == (7, 3)
    assert b"".join(line.heard) == rows[:size] + b"\n"
    assert line.heard[-2:] == [b"\n", b""]
    assert all(0 < len(piece) <= 1 << 20 for piece in line.heard[:-1])
    assert not line.is_closed


def test_a_server_that_wants_no_rows_gets_none() -> None:
    line: Any = Line(ok(0, 1))
    assert (load_local(line, TAKEN, memoryview(b"1")), line.heard) == ((0, 1), [])


@pytest.mark.parametrize(("error", "is_closed"), [(refused(1062), False), (KeyboardInterrupt(), True)])
def test_a_line_on_which_the_server_waits_for_rows_is_closed(error: BaseException, is_closed: bool) -> None:
    line: Any = Line(b"\xfbosiris", error)
    with pytest.raises(type(error)):
        load_local(line, TAKEN, memoryview(b"1"))
    assert line.is_closed is is_closed
