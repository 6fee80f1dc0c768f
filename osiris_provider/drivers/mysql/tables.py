"""What MySQL knows of a table that is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from osiris_provider.drivers.sql.fit import Limits, whole
from osiris_provider.drivers.sql.tables import Column

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

HERE = "COALESCE(NULLIF(%s, ''), DATABASE())"
"""The database that a name before the dot names, else the connection's."""
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = ("char", "varchar")
_LONG_TEXTS = ("tinytext", "text", "mediumtext", "longtext", "binary", "varbinary")
_BLOBS = ("tinyblob", "blob", "mediumblob", "longblob")


def place_of(table: str) -> tuple[str, str]:
    """Return the database, empty if it is the connection's, and the name of a table."""
    database, _, name = table.rpartition(".")
    return database, name


def columns_of(cursor: Cursor, table: str) -> list[Column]:
    """Return the columns of a table; none if there is no such table."""
    cursor.execute(
        "SELECT column_name, is_nullable = 'YES', column_default IS NULL, extra, data_type, column_type, "  # noqa: S608 - constants
        "character_maximum_length, character_octet_length, numeric_precision, numeric_scale "
        f"FROM information_schema.columns WHERE table_schema = {HERE} AND table_name = %s ORDER BY ordinal_position",
        place_of(table),
    )
    return [_column(*row) for row in cursor.fetchall()]


def unique_keys(cursor: Cursor, table: str) -> dict[str, list[str]]:
    """Return the name and the columns of each key that no two rows of a table share."""
    cursor.execute(
        "SELECT index_name, column_name FROM information_schema.statistics "  # noqa: S608 - constants
        f"WHERE table_schema = {HERE} AND table_name = %s AND non_unique = 0 AND sub_part IS NULL",
        place_of(table),
    )
    keys: dict[str, list[str]] = {}
    for index, column in cursor.fetchall():
        keys.setdefault(index, []).append(column)
    return keys


def is_tied(cursor: Cursor, table: str) -> bool:
    """Return whether triggers or foreign keys hang on a table."""
    place = place_of(table)
    cursor.execute(
        "SELECT EXISTS (SELECT 1 FROM information_schema.triggers "  # noqa: S608 - constants
        f"WHERE event_object_schema = {HERE} AND event_object_table = %s) "
        "OR EXISTS (SELECT 1 FROM information_schema.referential_constraints "
        f"WHERE constraint_schema = {HERE} AND %s IN (table_name, referenced_table_name))",
        (*place, *place),
    )
    (tied,) = cursor.fetchone() or (0,)
    return bool(tied)


def has_transactions(cursor: Cursor, table: str) -> bool:
    """Return whether what is written to a table can be undone."""
    cursor.execute(
        "SELECT transactions FROM information_schema.tables t JOIN information_schema.engines e USING (engine) "  # noqa: S608 - constants
        f"WHERE t.table_schema = {HERE} AND t.table_name = %s",
        place_of(table),
    )
    return cursor.fetchone() in (("YES",), None)


def tables_like(cursor: Cursor, table: str, prefix: str) -> list[str]:
    """Return the names of the tables in the same database that begin so."""
    cursor.execute(
        f"SELECT table_name FROM information_schema.tables WHERE table_schema = {HERE} "  # noqa: S608 - constants
        "AND LEFT(table_name, CHAR_LENGTH(%s)) = %s",
        (place_of(table)[0], prefix, prefix),
    )
    return [str(name) for (name,) in cursor.fetchall()]


def _column(name: str, nullable: int, bare: int, extra: str, kind: str, full: str, *sizes: Any) -> Column:
    generated = "GENERATED" in extra and "DEFAULT_GENERATED" not in extra
    # An automatic key takes null for the next number.
    takes_null = bool(nullable) or "auto_increment" in extra.lower()
    limits = _limits(kind, full, takes_null, *sizes)
    return Column(name, not nullable and bool(bare) and not extra, generated, limits, kind)


def _limits(kind: str, full: str, nullable: bool, chars: Any, octets: Any, precision: Any, scale: Any) -> Limits:
    if kind in _BITS:
        return whole(_BITS[kind], signed="unsigned" not in full, nullable=nullable)
    if kind in _TEXTS:
        return Limits(nullable=nullable, chars=int(chars))
    if kind in _LONG_TEXTS or kind in _BLOBS:
        return Limits(nullable=nullable, octets=int(octets))
    if kind == "decimal":
        return Limits(nullable=nullable, digits=int(precision) - int(scale), number=True)
    return Limits(nullable=nullable, number=kind in ("float", "double"))
