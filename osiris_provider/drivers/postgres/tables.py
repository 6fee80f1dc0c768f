"""What PostgreSQL knows of a table that is written to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from osiris_provider.drivers.postgres.inner import GEOMETRY, inner_of
from osiris_provider.drivers.postgres.refusals import database_error, referring_rule
from osiris_provider.drivers.sql.cascades import cascade_error, deleting
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.drivers.sql.values.constraints import (
    ColumnConstraints,
    Documents,
    Moments,
    Part,
    integer_constraints,
)
from osiris_provider.errors import DataError

if TYPE_CHECKING:
    from psycopg2 import extensions

_BITS = {"int2": 16, "int4": 32, "int8": 64}
_MANTISSA = {"float4": 24, "float8": 53}
_MOMENTS = {
    "date": Moments("date", as_text=True),
    "interval": Moments("interval"),
    "time": Moments("time"),
    "timetz": Moments("time", zoned=True),
    "timestamp": Moments("timestamp", as_text=True),
    "timestamptz": Moments("timestamp", zoned=True, as_text=True),
}
_OTHERS = {
    # Minus one is the greatest of them, the server says.
    **dict.fromkeys(("oid", "xid", "cid"), integer_constraints(32, signed=False)),
    "xid8": integer_constraints(64, signed=False),
    # Longer ones are cut, more digits are rounded.
    "name": ColumnConstraints(octets=63),
    "char": ColumnConstraints(octets=1),
    "money": ColumnConstraints(scale=2),
    # A backslash begins an escape.
    "bytea": ColumnConstraints(like=(r"\x6162, or without a backslash", r"(?s)^(\\x.*|[^\\]*)$")),
    "jsonb": ColumnConstraints(documents=Documents()),
}
_PARTS: tuple[tuple[int, Part], ...] = (
    (12, "second"),
    (11, "minute"),
    (10, "hour"),
    (3, "day"),
    (1, "month"),
    (2, "year"),
)
"""Of an interval, the smallest first, by their bits in its ``atttypmod``."""
_FRACTION = 6
_HEADER = 4
"""That PostgreSQL adds to the size of a type."""
_RULES = {"c": "ON DELETE CASCADE", "n": "ON DELETE SET NULL", "d": "ON DELETE SET DEFAULT"}
"""Of foreign keys, that change rows of their own table; by PostgreSQL's letters."""


def columns_of(cursor: extensions.cursor, table: str) -> list[Column]:
    """Return the columns of a table; none if there is no such table.

    :param table: its name, quoted.
    """
    cursor.execute(
        # What a domain is based on decides what becomes of a value.
        "WITH RECURSIVE base AS (SELECT attnum AS n, atttypid AS type, atttypmod AS size, attnotnull AS strict "
        "FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped "
        "UNION ALL SELECT n, typbasetype, typtypmod, strict OR typnotnull FROM base "
        "JOIN pg_type t ON t.oid = type WHERE typtype = 'd') "
        "SELECT attname, strict, attnotnull AND NOT atthasdef AND attidentity = '', "
        "attgenerated <> '' OR attidentity = 'a', "
        # A type of somebody else may have the name of one of PostgreSQL's.
        "CASE WHEN typnamespace = 'pg_catalog'::regnamespace THEN typname "
        "ELSE typnamespace::regnamespace || '.' || typname END, size, type, "
        # Only these have values within.
        "typtype <> 'b' OR typinput = 'array_in'::regproc OR typname = ANY(%s) "
        "FROM base JOIN pg_type t ON t.oid = type JOIN pg_attribute ON attrelid = to_regclass(%s) AND attnum = n "
        "WHERE typtype <> 'd' ORDER BY n",
        (table, list(GEOMETRY), table),
    )
    columns = []
    for name, not_null, required, generated, kind, size, oid, has_inner in cursor.fetchall():
        limits = constraints_of(kind, size, nullable=not not_null)
        if kind == "money":
            limits = replace(limits, like=_money(cursor))
        elif has_inner:
            limits = replace(limits, inner=inner_of(cursor, oid, size, constraints_of))
        columns.append(Column(name, required, generated, limits, kind))
    return columns


def _money(cursor: extensions.cursor) -> tuple[str, str]:
    """Return how the server's language writes money: it skips marks that it does not expect, and takes 1,5 for 15."""
    cursor.execute("SELECT 1234567.5::numeric::money::text")
    ((example,),) = cursor.fetchall()
    separators = re.search(r"1(\D*)234\D*567(\D+)5", example)
    thousands, point = map(re.escape, separators.groups() if separators else ("", "."))
    integer = rf"(\d+|\d{{1,3}}({thousands}\d{{3}})+)"
    return str(example), rf"^\D*({integer}({point}\d*)?|{point}\d+)\D*$"


def is_view(cursor: extensions.cursor, table: str) -> bool:
    """Return whether a table is a view.

    :param table: its name, quoted.
    """
    cursor.execute("SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass(%s)", (table,))
    return cursor.fetchone() == (True,)


def unique_keys(cursor: extensions.cursor, table: str) -> list[list[str]]:
    """Return the columns of each key that no two rows of a table share.

    :param table: its name, quoted.
    """
    cursor.execute(
        "SELECT array_agg(attname::text) FROM pg_index "
        "JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) "
        "WHERE indrelid = to_regclass(%s) AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL "
        "AND indexprs IS NULL AND indnatts = indnkeyatts GROUP BY indexrelid",
        (table,),
    )
    return [list(names) for (names,) in cursor.fetchall()]


def folding_columns(cursor: extensions.cursor, table: str, names: Sequence[str]) -> dict[str, str]:
    """Return which of a table's columns take texts that differ for equal, by their type or by a unique index.

    :param table: its name, quoted.
    :param names: of the columns to look at.
    :return: the columns, with what compares their texts so: ``COLLATE`` and a collation, or nothing.
    """
    cursor.execute(
        "WITH RECURSIVE base AS (SELECT attnum, attname::text AS name, atttypid AS type FROM pg_attribute "
        "WHERE attrelid = to_regclass(%(table)s) AND attname = ANY(%(names)s) "
        "UNION ALL SELECT attnum, name, typbasetype FROM base JOIN pg_type t ON t.oid = type WHERE typtype = 'd') "
        "SELECT name, '' FROM base JOIN pg_type t ON t.oid = type WHERE typname = 'citext' "
        # The collation of an index need not be the column's. ON CONFLICT goes by each index of these columns.
        "UNION SELECT name, format(' COLLATE %%s.%%I', collnamespace::regnamespace, collname) FROM base "
        "JOIN pg_index ON indrelid = to_regclass(%(table)s) AND indisunique AND indpred IS NULL "
        "CROSS JOIN LATERAL unnest(indkey::int2[], indcollation::oid[]) AS part(number, collation_id) "
        "JOIN pg_collation c ON c.oid = collation_id WHERE number = attnum AND NOT collisdeterministic",
        {"table": table, "names": list(names)},
    )
    return dict(cursor.fetchall())


def inserted_and_deleted(cursor: extensions.cursor, table: str) -> tuple[int, int]:
    """Return how many rows of a table the transaction has inserted and deleted so far; none if the server counts none.

    A row that is moved from one partition to another is both.

    :param table: its name, quoted.
    """
    cursor.execute(
        "WITH RECURSIVE tree AS (SELECT to_regclass(%s)::oid AS id "
        "UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = id) "
        "SELECT coalesce(sum(n_tup_ins), 0)::bigint, coalesce(sum(n_tup_del), 0)::bigint "
        "FROM pg_stat_xact_user_tables JOIN tree ON relid = id",
        (table,),
    )
    ((inserted, deleted),) = cursor.fetchall()
    return inserted, deleted


def delete_rows(cursor: extensions.cursor, table: str, name: str) -> None:
    """Delete the rows of a table, in the open transaction.

    :param table: its name, quoted.
    :param name: of the table, for messages.
    :raises DataError: rows of other tables would go or change with them, or refer to them, or some stay. The caller
        rolls back.
    """
    before = _changed_rows(cursor)
    with deleting(name, database_error(), referring_rule):
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - the name is quoted
    after = _changed_rows(cursor)
    changed = {relation: rows - before.get(relation, 0) for relation, rows in after.items()}
    relations = [relation for relation, rows in changed.items() if rows]
    cursor.execute(
        "WITH RECURSIVE tree AS (SELECT to_regclass(%(table)s)::oid AS id "
        "UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = id), "
        # A foreign key may refer to the table of which a changed one is a partition.
        "emptied AS (SELECT unnest(%(changed)s::oid[]) AS id UNION SELECT id FROM tree "
        "UNION SELECT inhparent FROM pg_inherits JOIN emptied ON inhrelid = id) "
        "SELECT conrelid, conrelid::regclass::text, confdeltype FROM pg_constraint "
        "WHERE contype = 'f' AND confdeltype = ANY(%(rules)s) AND conrelid <> confrelid "
        "AND confrelid IN (SELECT id FROM emptied) AND conrelid NOT IN (SELECT id FROM tree) "
        "AND (conrelid = ANY(%(changed)s::oid[]) OR current_setting('track_counts') = 'off') "
        "UNION SELECT id, id::regclass::text, '' FROM tree JOIN pg_class ON oid = id WHERE NOT relispartition "
        "AND id = ANY(%(changed)s::oid[]) AND EXISTS "
        "(SELECT FROM pg_attribute WHERE attrelid = id AND attnum > 0 AND attinhcount = 0 AND NOT attisdropped) "
        "AND id <> to_regclass(%(table)s) ORDER BY 2, 3",
        {"table": table, "changed": relations, "rules": list(_RULES)},
    )
    effects = [(other, rule, _count(changed.get(relation))) for relation, other, rule in cursor.fetchall()]
    cascades = [f"{other} ({_RULES[rule]}{count})" for other, rule, count in effects if rule]
    if cascades:
        raise cascade_error(name, cascades)
    if effects:
        heirs = ", ".join(f"{other} ({count.removeprefix(', ')})" for other, _, count in effects)
        message = (
            f"Table {name}: replace would also delete the rows of tables that inherit from it and have columns of "
            f"their own: {heirs}. Nothing was written. Use write_mode: upsert, or delete these rows yourself before."
        )
        raise DataError(message)
    _check_empty(cursor, table, name)


def _check_empty(cursor: extensions.cursor, table: str, name: str) -> None:
    """Check that no row has stayed, where a trigger or rule may have kept some: to look for one reads all that went."""
    cursor.execute(
        "WITH RECURSIVE tree AS (SELECT to_regclass(%s)::oid AS id "
        "UNION SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = id) SELECT EXISTS "
        # Of DELETE (8), and before it (2) or in its stead (64).
        "(SELECT FROM pg_trigger JOIN tree ON tgrelid = id "
        "WHERE NOT tgisinternal AND (tgtype & 8) > 0 AND (tgtype & 66) > 0) "
        "OR EXISTS (SELECT FROM pg_rewrite JOIN tree ON ev_class = id WHERE ev_type = '4')",
        (table,),
    )
    if cursor.fetchone() != (True,):
        return
    cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608 - the name is quoted
    if cursor.fetchone() == (True,):
        message = (
            f"Table {name}: a trigger or rule of the table keeps rows that replace deletes: they would stay beside the "
            "new ones. Nothing was written. Use write_mode: upsert or append, or take the trigger or rule away."
        )
        raise DataError(message)


def _changed_rows(cursor: extensions.cursor) -> dict[int, int]:
    """Return how many rows of each table the session has changed or deleted, those of the last moment before too."""
    cursor.execute(
        "SELECT relid::bigint, n_tup_del + n_tup_upd FROM pg_stat_xact_user_tables WHERE n_tup_del + n_tup_upd > 0"
    )
    return dict(cursor.fetchall())


def _count(rows: int | None) -> str:
    return f", {rows:,} row{'s' * (rows != 1)}" if rows else ""


def constraints_of(kind: str, size: int, *, nullable: bool) -> ColumnConstraints:
    """Return what a column takes.

    :param kind: PostgreSQL's own name of its type, such as ``int4``.
    :param size: its ``atttypmod``: -1 if it has none.
    :param nullable: whether it takes nulls.
    """
    if kind in _BITS:
        return integer_constraints(_BITS[kind], nullable=nullable)
    if kind in _OTHERS:
        return replace(_OTHERS[kind], nullable=nullable)
    if kind in _MOMENTS:
        # The upper half of an interval's says which parts it has.
        fraction = min(size & 0xFFFF, _FRACTION) if size >= 0 else _FRACTION
        moments = replace(_MOMENTS[kind], fraction=fraction)
        if kind == "interval" and size >= 0:
            moments = replace(moments, finest=next((part for bit, part in _PARTS if size >> 16 & 1 << bit), "second"))
        return ColumnConstraints(nullable=nullable, moments=moments)
    if kind in ("varchar", "bpchar") and size > _HEADER:
        return ColumnConstraints(nullable=nullable, chars=size - _HEADER)
    if kind == "numeric" and size > _HEADER:
        # From version 15 on a scale may be negative, or more than the precision.
        precision, scale = (size - _HEADER) >> 16, (size - _HEADER & 0x7FF ^ 1024) - 1024
        plain = 0 <= scale <= precision
        return ColumnConstraints(
            nullable=nullable, digits=precision - scale if plain else None, number=True, scale=scale
        )
    return ColumnConstraints(
        nullable=nullable, number=kind in _MANTISSA or kind == "numeric", mantissa=_MANTISSA.get(kind)
    )
