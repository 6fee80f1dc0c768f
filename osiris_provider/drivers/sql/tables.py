"""Tables that the SQL writers write to: their names, their columns, and whether the input fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.data import repeated, struct_names
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column of the table that is written to.

    :param required: whether every row must give it.
    :param generated: whether the server computes it.
    :param limits: what it takes.
    :param kind: the family's name of its type, without size.
    """

    name: str
    required: bool = False
    generated: bool = False
    limits: ColumnConstraints = field(default_factory=ColumnConstraints)
    kind: str = ""


def quoted_table(table: str, quote: Callable[[str], str]) -> str:
    """Return a table's name with each part quoted; ``schema.table`` has two."""
    return ".".join(quote(part) for part in table.split("."))


def check_names(step_id: str, schema: pa.Schema) -> None:
    """Check that there are columns and that no name occurs twice.

    :raises DataError: names the columns.
    """
    if duplicates := repeated(schema.names):
        message = f"several columns are named {', '.join(duplicates)}; give each a name of its own (AS)."
        raise DataError.in_step(step_id, message)
    for field_ in schema:
        for names in struct_names(field_.type):
            if duplicates := repeated(names):
                message = f"column {field_.name} has a struct with several fields named {duplicates[0]}; rename them."
                raise DataError.in_step(step_id, message, column=field_.name)
    if not schema.names:
        message = "there are no columns; a query must return rows, an input must have columns."
        raise DataError.in_step(step_id, message)


def check_types(step_id: str, schema: pa.Schema, family: str) -> None:
    """Check that there are only columns whose values can be sent as texts.

    :param family: the name of the database, for messages.
    :raises DataError: names a column.
    """
    import pyarrow as pa

    for field_ in schema:
        if pa.types.is_interval(field_.type):
            raise type_error(step_id, field_, family)


def type_error(step_id: str, column: pa.Field, family: str) -> DataError:
    """Return the error for a column of a type that a database does not take."""
    message = (
        f"column {column.name}: {family} does not take values of type {column.type}. Nothing was "
        "written. CAST them in the step before, or make texts of them."
    )
    return DataError.in_step(step_id, message, column=column.name)


def check_free(step_id: str, schema: pa.Schema, name: str) -> None:
    """Check that the input has no column with a name that the writer needs for one of its own, in any case.

    :raises DataError: it has.
    """
    for column in schema.names:
        if column.lower() == name:
            message = f"an upsert needs the name {column} for a column of its own; rename the input's."
            raise DataError.in_step(step_id, message, column=column)


def _missing(name: str, there: Sequence[str]) -> str:
    """Return the name of a column that is missing, with the one that differs from it in case only."""
    other = next((one for one in there if one.lower() == name.lower()), None)
    return f"{name} (there is {other})" if other else name


def check_columns(step_id: str, table: str, schema: pa.Schema, columns: Sequence[Column]) -> None:
    """Check that the input's columns fit those of the table.

    :param step_id: the step, for messages.
    :param table: the table's name, for messages.
    :param schema: of the input.
    :param columns: of the table.
    :raises DataError: names the columns that the table does not have or computes itself, and those it needs.
    """
    known = {column.name: column for column in columns}
    problems = {
        "the table has no column": [_missing(name, list(known)) for name in schema.names if name not in known],
        "the table computes column": [name for name in schema.names if name in known and known[name].generated],
        "the input lacks required column": [
            column.name for column in columns if column.required and column.name not in schema.names
        ],
    }
    complaints = [f"{what} {', '.join(names)}" for what, names in problems.items() if names]
    if complaints:
        message = f"table {table}: {'; '.join(complaints)}. Nothing was written."
        raise DataError.in_step(step_id, message)


def missing_table(step_id: str, table: str, *, hides: bool = False) -> DataError:
    """Return the error for a table that is not there.

    :param hides: whether the server says the same of a table that the user has no right on.
    """
    unless = ", or the user has no right on it" if hides else ""
    message = f"there is no table {table}{unless}. Create it, or set create_if_missing: true."
    return DataError.in_step(step_id, message)


def create_statement(
    table: str,
    schema: pa.Schema,
    quote: Callable[[str], str],
    type_of: Callable[[Any], str],
    primary_key: Sequence[str] = (),
    key_type_of: Callable[[Any], str] | None = None,
) -> str:
    """Return the statement that creates a table for a schema.

    :param table: its name, quoted.
    :param type_of: returns the family's name of an Arrow type.
    :param primary_key: its columns, if it has one.
    :param key_type_of: the same for columns of the key, where they are other types.
    """
    types = {field.name: (key_type_of if key_type_of and field.name in primary_key else type_of) for field in schema}
    columns = [f"{quote(field.name)} {types[field.name](field.type)}" for field in schema]
    if primary_key:
        columns.append(f"PRIMARY KEY ({', '.join(map(quote, primary_key))})")
    return f"CREATE TABLE {table} ({', '.join(columns)})"


def split_table(table: str) -> tuple[str, str]:
    """Return what stands before a table's own name, with its dot, and the name."""
    prefix, dot, name = table.rpartition(".")
    return prefix + dot, name


def check_key(step_id: str, table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """Check that the input has the columns of the primary key.

    :raises DataError: names those that it has not.
    """
    missing = [_missing(name, schema.names) for name in key if name not in schema.names]
    if missing:
        message = f"table {table}: the input lacks key column {', '.join(missing)}. Nothing was written."
        raise DataError.in_step(step_id, message)


def check_unique(step_id: str, table: str, key: Sequence[str], unique: Sequence[Sequence[str]]) -> None:
    """Check that a table lets a key stand but once, which an upsert needs.

    :param unique: the columns of each unique key that the table has.
    :raises DataError: there is none of these columns.
    """
    if set(key) not in [set(columns) for columns in unique]:
        named = ", ".join(key)
        message = (
            f"table {table} has no primary or unique key of just {named}, so an upsert cannot find "
            f"the rows to update. Add one: ALTER TABLE … ADD UNIQUE ({named})."
        )
        raise DataError.in_step(step_id, message)
