"""What MySQL knows of a table that is written to."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.sql.tables import Column, quoted_table
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints, Documents, Moments, integer_constraints
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

HERE = "COALESCE(NULLIF(%s, ''), DATABASE())"
"""The database that a name before the dot names, else the connection's."""
CHARSET = "utf8mb4"
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_FIRST_YEAR, _LAST_YEAR = 1901, 2155
_TEXTS = ("char", "varchar")
_LONG_TEXTS = ("tinytext", "text", "mediumtext", "longtext", "binary", "varbinary")
_GENERATED_KEY = ("my_row_id", "auto_increment INVISIBLE")
_BLOBS = ("tinyblob", "blob", "mediumblob", "longblob")

SHAPES = {
    "geometry": 0,
    "point": 1,
    "linestring": 2,
    "polygon": 3,
    "multipoint": 4,
    "multilinestring": 5,
    "multipolygon": 6,
    "geometrycollection": 7,
    "geomcollection": 7,
}
"""Types of geometry, and their numbers in a value; the first takes all others."""


@dataclass(frozen=True)
class UniqueKey:
    """A key that no two rows of a table share.

    :param visible: whether the optimizer may use it.
    """

    name: str
    columns: list[str]
    visible: bool = True


def name_parts(table: str) -> tuple[str, str]:
    """Return the database, empty if it is the connection's, and the name of a table."""
    database, _, name = table.rpartition(".")
    return database, name


def qualified(cursor: Cursor, table: str) -> tuple[str, str]:
    """Return database and name of a table as the server compares them: in small letters if case is nothing to it."""
    cursor.execute("SELECT DATABASE(), @@lower_case_table_names")
    current, folds = cursor.fetchone() or ("", 0)
    database, name = name_parts(table)
    database = database or str(current)
    return (database.lower(), name.lower()) if folds else (database, name)


def columns_of(cursor: Cursor, table: str) -> list[Column]:
    """Return the columns of a table; none if there is no such table, or the user has no right on it."""
    cursor.execute(
        "SELECT column_name, is_nullable = 'YES', column_default IS NULL, extra, data_type, column_type, "  # noqa: S608 - constants
        "character_maximum_length, character_octet_length, numeric_precision, numeric_scale, datetime_precision "
        f"FROM information_schema.columns WHERE table_schema = {HERE} AND table_name = %s ORDER BY ordinal_position",
        name_parts(table),
    )
    return [_column(*row) for row in cursor.fetchall()]


def columns_beyond_the_star(client: Connection[Any], table: str) -> list[str]:
    """Return all columns of a table if it has some that ``SELECT *`` leaves out, else none.

    :param client: an open connection.
    :param table: perhaps with its database before it.
    """
    with client.cursor() as cursor:
        cursor.execute(
            f"SELECT column_name, extra FROM information_schema.columns WHERE table_schema = {HERE} "  # noqa: S608 - constants
            "AND table_name = %s ORDER BY ordinal_position",
            name_parts(table),
        )
        rows = cursor.fetchall()
    # The key that MySQL gives a table without one is no one's value.
    rows = tuple(row for row in rows if row != _GENERATED_KEY)
    return [name for name, _ in rows] if any("INVISIBLE" in extra for _, extra in rows) else []


def unique_keys(cursor: Cursor, table: str) -> list[UniqueKey]:
    """Return the keys that no two rows of a table share, without those of parts of columns and of expressions.

    :param table: that there is.
    """
    cursor.execute(f"SHOW INDEX FROM {quoted_table(table, quote)} WHERE Non_unique = 0")
    names = [column[0] for column in cursor.description or ()]
    indexes: dict[str, list[dict[str, Any]]] = {}
    for row in cursor.fetchall():
        column = dict(zip(names, row, strict=True))
        indexes.setdefault(column["Key_name"], []).append(column)
    return [
        UniqueKey(name, [column["Column_name"] for column in columns], all(map(_is_visible, columns)))
        for name, columns in indexes.items()
        if all(column["Sub_part"] is None and column["Column_name"] for column in columns)
    ]


def _is_visible(part: dict[str, Any]) -> bool:
    """Return what MySQL says with ``Visible`` and MariaDB with ``Ignored``."""
    return part.get("Visible") != "NO" and part.get("Ignored") != "YES"


def has_transactions(cursor: Cursor, table: str) -> bool:
    """Return whether what is written to a table can be undone; a temporary one is the writer's own and can."""
    return all(undoes for _, undoes in _engines(cursor, table))


def check_keeps_rows(cursor: Cursor, table: str) -> None:
    """Check that a table is one that keeps what is written to it.

    :raises DataError: its engine throws rows away.
    """
    if any(engine == "BLACKHOLE" for engine, _ in _engines(cursor, table)):
        message = (
            f"Table {table}: its engine is BLACKHOLE, which keeps no rows. Nothing was written. Alter it to InnoDB."
        )
        raise DataError(message)


def _engines(cursor: Cursor, table: str) -> list[tuple[str, bool]]:
    """Return the engine of a table, or of the tables of a view that the user sees; and whether it has transactions."""
    kinds = (
        "SELECT table_type, engine, transactions FROM information_schema.tables t "
        "LEFT JOIN information_schema.engines e USING (engine) WHERE "
    )
    cursor.execute(f"{kinds} t.table_schema = {HERE} AND t.table_name = %s", name_parts(table))
    rows = cursor.fetchall()
    if [kind for kind, *_ in rows] == ["VIEW"]:
        cursor.execute(f"SELECT {HERE}", name_parts(table)[:1])
        ((database,),) = cursor.fetchall()
        sources = sources_of(cursor, quoted_table(f"{database}.{name_parts(table)[1]}", quote))
        cursor.execute(f"{kinds} engine IS NOT NULL AND {is_in_text('t.table_schema', 't.table_name')}", (sources,))
        rows = cursor.fetchall()
    return [(str(engine), transactions == "YES") for _, engine, transactions in rows]


def sources_of(cursor: Cursor, table: str) -> str:
    """Return a text that has the quoted names of the tables that a table or view is made of.

    :param table: its name and that of its database, quoted.
    """
    cursor.execute(
        "SELECT CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`'), "
        "view_definition FROM information_schema.views"
    )
    views = dict(cursor.fetchall())
    text, left = table, [table]
    while left:
        definition = str(views.pop(left.pop(), ""))
        text += f" {definition}"
        left += [view for view in views if view in definition]
    return text


def is_in_text(database: str, table: str) -> str:
    """Return the condition that a text, its parameter, has the quoted name of a table; see :func:`sources_of`.

    :param database: the column with the name of its database.
    :param table: the column with its own.
    """
    return f"LOCATE(CONCAT('`', REPLACE({database}, '`', '``'), '`.`', REPLACE({table}, '`', '``'), '`'), %s)"


def check_transactions(cursor: Cursor, table: str, reason: str, *, replaces: bool) -> None:
    """Check that what is written to a table can be undone.

    :param reason: why it has to be written to.
    :param replaces: whether that is so although a new table was to take its place.
    :raises DataError: its engine has no transactions.
    """
    if has_transactions(cursor, table):
        return
    message = (
        f"Table {table}: its engine has no transactions, so a load that fails half-way could not be undone, and a new "
        f"table cannot take its place: {reason}. Alter it to ENGINE=InnoDB"
        f"{'' if replaces else ', or use write_mode: replace'}."
    )
    raise DataError(message)


def tables_like(cursor: Cursor, table: str, prefix: str) -> list[str]:
    """Return the names of the tables in the same database that begin so."""
    cursor.execute(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = {HERE} "  # noqa: S608 - constants
        "AND LEFT(table_name, CHAR_LENGTH(%s)) = %s",
        (name_parts(table)[0], prefix, prefix),
    )
    return [str(name) for (name,) in cursor.fetchall()]


def new_table_options(cursor: Cursor, table: str) -> str:
    """Return what a new table needs so that it holds every text, and takes the loads to come, whatever the defaults."""
    cursor.execute(
        f"SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = {HERE}",  # noqa: S608 - constants
        name_parts(table)[:1],
    )
    # The database's own collation is kept where it can be.
    charset = "" if cursor.fetchone() == (CHARSET,) else f" DEFAULT CHARSET={CHARSET}"
    cursor.execute("SELECT transactions FROM information_schema.engines WHERE support = 'DEFAULT'")
    # Where a load cannot be undone, rows are not appended.
    engine = " ENGINE=InnoDB" if cursor.fetchone() == ("NO",) else ""
    return engine + charset


def _column(name: str, nullable: int, bare: int, extra: str, kind: str, *sizes: Any) -> Column:
    generated = "GENERATED" in extra and "DEFAULT_GENERATED" not in extra
    automatic = "auto_increment" in extra.lower()
    # An automatic key takes null for the next number.
    limits = replace(_limits(kind, *sizes), nullable=bool(nullable) or automatic)
    required = not nullable and bool(bare) and not generated and not automatic
    return Column(name, required, generated, limits, kind)


def _limits(
    kind: str, full: str, chars: Any, octets: Any, precision: Any, scale: Any, fraction: Any
) -> ColumnConstraints:
    numbers = {
        **{name: integer_constraints(bits, signed="unsigned" not in full) for name, bits in _BITS.items()},
        "bit": integer_constraints(int(precision or 1), signed=False),
        "decimal": ColumnConstraints(digits=int(precision or 0) - int(scale or 0), number=True, scale=scale),
        "float": ColumnConstraints(number=True, mantissa=24, scale=scale),
        "double": ColumnConstraints(number=True, mantissa=53, scale=scale),
        # Less is taken for a year of this century or the last.
        "year": ColumnConstraints(low=_FIRST_YEAR, high=_LAST_YEAR, number=True, moments=Moments("year")),
    }
    moments = {
        "date": Moments("date"),
        "time": Moments("time", fraction or 0),
        "datetime": Moments("timestamp", fraction or 0),
        "timestamp": Moments("timestamp", fraction or 0),
    }
    if kind in numbers:
        return numbers[kind]
    if kind in moments:
        return ColumnConstraints(moments=moments[kind])
    if kind in ("enum", "set"):
        return ColumnConstraints(members=members_of(full), several=kind == "set")
    if kind == "json":
        return ColumnConstraints(documents=Documents(doubles=True))
    if kind in _TEXTS:
        return ColumnConstraints(chars=int(chars), trims=kind == "char")
    if kind in _LONG_TEXTS or kind in _BLOBS:
        return ColumnConstraints(octets=int(octets), padded=int(octets) if kind == "binary" else None)
    return ColumnConstraints()


def members_of(full: str) -> frozenset[str]:
    """Return the members of an ENUM or SET, as the type is written."""
    literals = re.findall(r"'((?:[^']|'')*)'", full)
    escapes = {"\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\0": "\0"}
    return frozenset(
        re.sub(r"\\.", lambda match: escapes.get(match[0], match[0]), one.replace("''", "'")) for one in literals
    )
