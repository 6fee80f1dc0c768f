"""What the writers of all databases say of an input that does not fit its table, and how they create one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.sql import tables
from osiris_provider.drivers.sql.cascades import cascade_error, deleting, hidden_cascade_error
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.errors import DataError

STRUCT = pa.struct([pa.field("x", pa.int8()), pa.field("y", pa.int8()), pa.field("x", pa.int8())])
INPUT = pa.schema([("id", pa.int64()), ("Name", pa.string())])
COLUMNS = [
    Column("id", required=True),
    Column("Name", required=True),
    Column("total", generated=True),
    Column("due", required=True),
    Column("note"),
]


def schema(*names: str, last: pa.DataType | None = None) -> pa.Schema:
    types = [pa.int8()] * (len(names) - 1) + [last or pa.int8()]
    return pa.schema([pa.field(name, dtype) for name, dtype in zip(names, types, strict=True)])


REFUSED: dict[str, tuple[Callable[[], object], str, str | None]] = {
    "a name that is there more than once": (
        lambda: tables.check_names("load", schema("b", "a", "c", "a", "b")),
        " a, b;",
        None,
    ),
    "a field that is there more than once, within a list": (
        lambda: tables.check_names("load", schema("a", "s", last=pa.list_(STRUCT))),
        "column s has a struct with several fields named x;",
        "s",
    ),
    "no columns": (lambda: tables.check_names("load", pa.schema([])), "no columns", None),
    "a type that no text says": (
        lambda: tables.check_types("load", schema("a", "i", last=pa.month_day_nano_interval()), "MySQL"),
        "column i: MySQL does not take values of type month_day_nano_interval.",
        "i",
    ),
    "a name that the writer needs": (
        lambda: tables.check_free("load", schema("a", "_Osiris_ROW"), "_osiris_row"),
        "needs the name _Osiris_ROW for",
        "_Osiris_ROW",
    ),
    "columns on both sides": (
        lambda: tables.check_columns("load", "t", schema("ID", "x", "Name", "total"), COLUMNS),
        " no column ID (there is id), x; the table computes column total; the input lacks required column id, due. ",
        None,
    ),
    "a column that is needed": (
        lambda: tables.check_columns("load", "t", INPUT, COLUMNS),
        "table t: the input lacks required column due. ",
        None,
    ),
    "no table": (lambda: raised(tables.missing_table("load", "s.t")), " table s.t. ", None),
    "no table that the user sees": (
        lambda: raised(tables.missing_table("load", "t", hides=True)),
        " table t, or the user has no right on it. ",
        None,
    ),
    "no columns of the key": (
        lambda: tables.check_key("load", "t", INPUT, ["id", "name", "no"]),
        "table t: the input lacks key column name (there is Name), no. ",
        None,
    ),
    "a key that is part of another": (
        lambda: tables.check_unique("load", "t", ["a", "b"], [["a"], ["a", "b", "c"]]),
        "table t has no primary or unique key of just a, b, ",
        None,
    ),
}


def raised(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("check", "words", "column"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_said_with_the_step_and_the_names(
    check: Callable[[], object], words: str, column: str | None
) -> None:
    with pytest.raises(DataError) as error:
        check()
    assert str(error.value).startswith("Step load: ")
    assert words in str(error.value)
    assert (error.value.step, error.value.column) == ("load", column)


def test_what_fits_is_taken() -> None:
    tables.check_names("load", schema("a", "A", "s", last=pa.struct([("x", STRUCT.field(0).type), ("y", pa.int8())])))
    tables.check_types("load", schema("a", "d", last=pa.duration("s")), "MySQL")
    tables.check_free("load", schema("a", "_osiris_rows", "osiris_row"), "_osiris_row")
    columns = [Column("id", required=True), Column("Name"), Column("note"), Column("total", generated=True)]
    tables.check_columns("load", "t", INPUT, columns)
    tables.check_key("load", "t", INPUT, ["Name", "id"])
    tables.check_key("load", "t", INPUT, [])
    tables.check_unique("load", "t", ["b", "a"], [["id"], ["a", "b"]])


def test_a_table_is_created_with_the_types_of_the_family_and_of_its_key() -> None:
    def quote(name: str) -> str:
        return f"<{name}>"

    def created(*key: Any) -> str:
        return tables.create_statement("<t>", INPUT, quote, lambda dtype: str(dtype).upper(), *key)

    assert tables.quoted_table("s.t", quote) == "<s>.<t>"
    assert created() == "CREATE TABLE <t> (<id> INT64, <Name> STRING)"
    both = "<id> INT64, <Name> STRING, PRIMARY KEY (<Name>, <id>)"
    assert created(["Name", "id"]) == f"CREATE TABLE <t> ({both})"
    keyed = created(["Name"], lambda dtype: f"KEY {dtype}")
    assert keyed == "CREATE TABLE <t> (<id> INT64, <Name> KEY string, PRIMARY KEY (<Name>))"


@pytest.mark.parametrize(("table", "parts"), [("t", ("", "t")), ("s.t", ("s.", "t")), ("d.s.t", ("d.s.", "t"))])
def test_what_stands_before_a_name(table: str, parts: tuple[str, str]) -> None:
    assert tables.split_table(table) == parts


def test_a_column_of_which_nothing_is_said_takes_all() -> None:
    column = Column("a")
    assert (column.required, column.generated, column.kind) == (False, False, "")
    assert column.limits.nullable


def test_the_tables_that_a_replace_would_change_are_named_as_far_as_a_line_goes() -> None:
    names = [f"other{number}" for number in range(11)]
    assert " there: other0, other1. Nothing" in cascade_error("t", names[:2]).message
    assert " other8, other9. Nothing" in cascade_error("t", names[:10]).message
    assert " other8, other9, …. Nothing" in cascade_error("t", names).message
    assert "Table t: " in hidden_cascade_error("t").message


def test_rows_to_which_others_refer_are_kept_and_nothing_of_them_is_said() -> None:
    def rule(error: LookupError) -> str:
        return "error 1451" if "s3cr3t" in str(error) else ""

    with pytest.raises(DataError, match=r"Table t: .* \(error 1451\)") as raised, deleting("t", LookupError, rule):
        raise LookupError("s3cr3t")  # noqa: EM101 - what a server says
    assert "s3cr3t" not in str(raised.value)
    with pytest.raises(LookupError, match="another"), deleting("t", LookupError, rule):
        raise LookupError("another")  # noqa: EM101 - what a server says
    with deleting("t", LookupError, rule):
        pass
