"""Whether a table can be replaced by a new one without losing what hangs on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from osiris_provider.drivers.mysql.names import quote
from osiris_provider.drivers.mysql.rights import Rights
from osiris_provider.drivers.mysql.tables import is_in_text, name_parts, sources_of
from osiris_provider.drivers.sql.tables import quoted_table

if TYPE_CHECKING:
    from pymysql.cursors import Cursor

SWAP_RIGHTS: Final = ("SELECT", "INSERT", "CREATE", "ALTER", "DROP", "TRIGGER")
"""What a user needs on the database to put a new table in the place of another; TRIGGER, to see its triggers."""
NEEDS_KEY: Final = 3750
"""The server has ``sql_require_primary_key`` on."""
# The line of the table's options; a comment of a column may say the same.
_COUNTER: Final = re.compile(r"^(\) (?:/\*.*?\*/ )?ENGINE=\w+) AUTO_INCREMENT=(\d+)", re.MULTILINE)
# MySQL and MariaDB keep histograms in different places; not every user may look.
_NO_SUCH: Final = (1109, 1142, 1143, 1146)
_OPENED: Final = "SHOW SESSION STATUS WHERE Variable_name IN ('Table_open_cache_hits', 'Table_open_cache_misses')"
_TRIES: Final = 3
# The server itself refuses to delete a row to which others refer.
_HARMLESS: Final = ("NO ACTION", "RESTRICT")


def obstacle(cursor: Cursor, table: str, database: str, rights: Rights) -> str:
    """Return why a table has to be emptied and filled instead of swapped for a new one; empty if it need not.

    :param database: that the table is in.
    :param rights: of the user.
    """
    name = name_parts(table)[1]
    lacking = rights.missing(SWAP_RIGHTS, database, "")
    if lacking:
        return f"the user lacks {', '.join(lacking)} on database {database}"
    if _exists(
        cursor, "tables WHERE table_schema = %s AND table_name = %s AND table_type <> 'BASE TABLE'", database, name
    ):
        return "it is a view, or keeps its history"
    if _exists(cursor, "triggers WHERE event_object_schema = %s AND event_object_table = %s", database, name):
        return "it has triggers"
    if _has_foreign_keys(cursor, database, name):
        return "it has foreign keys, or others refer to it"
    return "it has histograms" if _has_histograms(cursor, database, name) else ""


def _has_foreign_keys(cursor: Cursor, database: str, name: str) -> bool:
    return _exists(
        cursor,
        "referential_constraints WHERE (constraint_schema = %s AND table_name = %s) "
        "OR (unique_constraint_schema = %s AND referenced_table_name = %s)",
        *(database, name) * 2,
    )


def cascades(cursor: Cursor, table: str, database: str) -> list[str]:
    """Return the other tables whose rows would go or change with those of a table, each with its rule.

    Rows that refer to none do not count, and others cannot begin to refer before the transaction ends. Tables that the
    user may not see are not among them, see :func:`reaches_hidden`; of those that the user may not read, rows are taken
    to refer.

    :param table: or a view, whose rows are those of tables.
    :param database: that it is in.
    """
    sources = sources_of(cursor, quoted_table(f"{database}.{name_parts(table)[1]}", quote))
    refers = (
        f"{is_in_text('{0}', 'referenced_table_name')} "
        "AND (constraint_schema, table_name) <> ({0}, referenced_table_name)"
    ).format
    cursor.execute(
        "SELECT constraint_schema, table_name, constraint_name, delete_rule "  # noqa: S608 - constants
        f"FROM information_schema.referential_constraints WHERE {refers('unique_constraint_schema')}",
        (sources,),
    )
    rules = {(schema, other, name): rule for schema, other, name, rule in cursor.fetchall()}
    cursor.execute(
        "SELECT constraint_schema, table_name, constraint_name, column_name "  # noqa: S608 - constants
        f"FROM information_schema.key_column_usage WHERE {refers('referenced_table_schema')}",
        (sources,),
    )
    columns: dict[tuple[str, str, str], list[str]] = {key: [] for key in rules}
    for schema, other, name, column in cursor.fetchall():
        columns.setdefault((schema, other, name), []).append(column)
    return [
        f"{schema}.{other} ({_rule(rules.get((schema, other, name)))})"
        for (schema, other, name), names in sorted(columns.items())
        if rules.get((schema, other, name)) not in _HARMLESS and _has_referring_rows(cursor, schema, other, names)
    ]


def reaches_hidden(cursor: Cursor, table: str, database: str) -> bool:
    """Return whether deleting the rows of a table changes tables that the user may not see.

    The server opens each table whose rows a DELETE may change, for any user, and counts them for the session; to read a
    view it opens those that the view is made of. Where a foreign key or a trigger that is seen may be the reason, the
    answer is False, and for a view that the user may not read.

    :param table: or a view.
    :param database: that it is in.
    """
    name = name_parts(table)[1]
    sources = sources_of(cursor, quoted_table(f"{database}.{name}", quote))
    is_target = is_in_text("event_object_schema", "event_object_table")
    if _exists(
        cursor, f"key_column_usage WHERE {is_in_text('referenced_table_schema', 'referenced_table_name')}", sources
    ) or _exists(cursor, f"triggers WHERE event_manipulation = 'DELETE' AND {is_target}", sources):
        return False
    is_table = _exists(
        cursor, "tables WHERE (table_schema, table_name, table_type) = (%s, %s, 'BASE TABLE')", database, name
    )
    read, delete = (f"{verb} FROM {quoted_table(table, quote)} LIMIT 0" for verb in ("SELECT 1", "DELETE"))
    opened = 1 if is_table else _opened(cursor, read)
    return opened is not None and (_opened(cursor, delete) or 0) > opened


def _opened(cursor: Cursor, statement: str) -> int | None:
    """Run a statement and return how many tables it opens; None if the user has no right to it."""
    # The first time, and after changes by others, the server's own tables are opened too.
    return min(_newly_opened(cursor, statement) for _ in range(_TRIES)) if _runs(cursor, statement) else None


def _newly_opened(cursor: Cursor, statement: str) -> int:
    counts = []
    for run in ("DO 0", statement):
        cursor.execute(run)
        cursor.execute(_OPENED)
        counts.append(sum(int(number) for _, number in cursor.fetchall()))
    return counts[1] - counts[0]


def _rule(rule: str | None) -> str:
    return f"ON DELETE {rule}" if rule else "by a rule that the user may not see"


def _has_referring_rows(cursor: Cursor, database: str, table: str, columns: Sequence[str]) -> bool:
    refers = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns) or "TRUE"
    other = f"{quote(database)}.{quote(table)}"
    statement = f"SELECT 1 FROM {other} WHERE {refers} LIMIT 1 LOCK IN SHARE MODE"  # noqa: S608 - quoted
    return not _runs(cursor, statement) or cursor.fetchone() is not None


def _has_histograms(cursor: Cursor, database: str, name: str) -> bool:
    queries = {
        "information_schema.column_statistics": "schema_name = %s AND table_name = %s",
        "mysql.column_stats": "db_name = %s AND table_name = %s",
    }
    return any(_is_seen(cursor, f"{source} WHERE {condition}", database, name) for source, condition in queries.items())


def _is_seen(cursor: Cursor, rows: str, *values: str) -> bool:
    """Return whether there are rows; of a table that is not there, or not for this user, there are none."""
    return _runs(cursor, f"SELECT EXISTS (SELECT 1 FROM {rows})", values) and cursor.fetchone() == (1,)  # noqa: S608 - constants


def _runs(cursor: Cursor, statement: str, values: Sequence[str] | None = None) -> bool:
    """Run a statement; return False if a table is not there, or not for this user."""
    import pymysql

    try:
        cursor.execute(statement, values)
    except pymysql.MySQLError as error:
        if error.args[0] not in _NO_SUCH:
            raise
        return False
    return True


def _exists(cursor: Cursor, condition: str, *values: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM information_schema.{condition})", values)  # noqa: S608 - constants
    return cursor.fetchone() == (1,)


def definition_of(cursor: Cursor, table: str) -> tuple[str, int | None]:
    """Return the definition of a table without its name, and the next number of its automatic key.

    :param table: its name, quoted.
    """
    cursor.execute(f"SHOW CREATE TABLE {table}")
    (_, statement) = cursor.fetchone() or ("", "")
    body = statement[statement.index("(") :]
    counter = _COUNTER.search(body)
    return _COUNTER.sub(r"\1", body), int(counter[2]) if counter else None


def copy_table(cursor: Cursor, table: str, copy: str) -> str:
    """Create an empty copy of a table; return what it lacks, then there is none, else an empty text.

    :param table: perhaps with its database before it.
    :param copy: name of the new table, quoted.
    """
    import pymysql

    original = quoted_table(table, quote)
    try:
        cursor.execute(f"CREATE TABLE {copy} LIKE {original}")
    except pymysql.MySQLError as error:
        if error.args[0] != NEEDS_KEY:
            raise
        return "it has no primary key, and the server wants one of a new table"
    wanted, counter = definition_of(cursor, original)
    if definition_of(cursor, copy)[0] != wanted:
        cursor.execute(f"DROP TABLE {copy}")
        return "a copy would lose names of constraints or other parts of its definition"
    if counter:
        cursor.execute(f"ALTER TABLE {copy} AUTO_INCREMENT = {counter}")
    return ""
