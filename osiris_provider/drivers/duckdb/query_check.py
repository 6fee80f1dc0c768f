"""What DuckDB can tell of a query without its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.duckdb.types import quote
from osiris_provider.drivers.query_check import QueryCheck
from osiris_provider.messages import did_you_mean, printable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DESCRIBE = "DESCRIBE "
_NO_COLUMN = "does not have a column named"

Columns = Mapping[str, "Sequence[str] | None"]


def check_query(query: str, tables: Columns, params: Any, *, alone: bool) -> QueryCheck:
    """Parse a query, and bind it if the columns of all of its tables are known; nothing is run.

    :param query: without templates.
    :param tables: the columns of each input, None where they are not known.
    :param params: of the query.
    :param alone: there are no other tables than the inputs.
    """
    import duckdb

    with closing(duckdb.connect(":memory:", config={"enable_external_access": "false"})) as database:
        database.execute("SET errors_as_json = true")
        try:
            database.extract_statements(query)
        except duckdb.Error as error:
            return _problem(query, error, "the SQL cannot be parsed")
        unknown = _unknown_table(database, query, tables) if alone else None
        if unknown is not None:
            return unknown
        try:
            return QueryCheck(columns=_columns(database, query, tables, params) if alone else None)
        except duckdb.Error as error:
            return _binding_problem(query, error)


def _unknown_table(database: DuckDBPyConnection, query: str, tables: Columns) -> QueryCheck | None:
    import duckdb

    known = {name.lower() for name in tables}
    try:
        names = sorted(database.get_table_names(query, qualified=True))
    except duckdb.Error:
        return None
    for quoted in names:
        name = quoted.strip('"')
        if name.lower() not in known and name.isidentifier() and not _is_built_in(database, name):
            hint = did_you_mean(name, list(tables))
            listed = ", ".join(tables) or "none"
            message = f"the SQL asks for table '{name}', which is no input.{hint} Inputs are: {listed}"
            return QueryCheck(message, _line_of(query, query.find(name)))
    return None


def _is_built_in(database: DuckDBPyConnection, name: str) -> bool:
    query = "SELECT count(*) FROM duckdb_views() WHERE view_name = ?"
    row = database.execute(query, [name.lower()]).fetchone()
    return bool(row and row[0])


def _columns(database: DuckDBPyConnection, query: str, tables: Columns, params: Any) -> list[str] | None:
    for name, columns in tables.items():
        if not columns:
            return None
        # Their types are not known; NULL goes with most.
        listed = ", ".join(f"NULL AS {quote(column)}" for column in columns)
        database.execute(f"CREATE TEMP VIEW {quote(name)} AS SELECT {listed} WHERE false")
    return [name for name, *_ in database.execute(f"{_DESCRIBE}{query.strip().rstrip(';')}", params).fetchall()]


def _binding_problem(query: str, error: Exception) -> QueryCheck:
    facts = _facts(error)
    # Without types, much else may only seem to be wrong. A column that an alias lacks has a message, but no code.
    named = (
        facts.get("error_subtype") in ("COLUMN_NOT_FOUND", "MISSING_ENTRY") or _NO_COLUMN in facts["exception_message"]
    )
    blanks = len(query) - len(query.lstrip())
    return _problem(query, error, "the SQL does not fit its inputs", blanks - len(_DESCRIBE)) if named else QueryCheck()


def _problem(query: str, error: Exception, what: str, shift: int = 0) -> QueryCheck:
    facts = _facts(error)
    position = str(facts.get("position"))
    said = printable(facts["exception_message"].splitlines()[0])
    return QueryCheck(f"{what}: {said}", _line_of(query, int(position) + shift if position.isdigit() else 0))


def _facts(error: Exception) -> dict[str, str]:
    """Return what DuckDB tells of an error: the kind, then JSON."""
    text = str(error)
    try:
        facts = json.loads(text[text.index("{") :])
    except ValueError:
        facts = {}
    return {"exception_message": text or "unknown", **facts}


def _line_of(query: str, position: int) -> int:
    return query.count("\n", 0, max(position, 0)) + 1
