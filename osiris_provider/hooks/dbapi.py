"""What the hooks of the SQL families share."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, contextmanager
from copy import copy
from datetime import datetime, time, timezone
from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.sql.hooks.sql import DbApiHook

from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.airflow_form import to_airflow
from osiris_provider.connectors.registry import get_connector
from osiris_provider.hooks.base import OsirisHook
from osiris_provider.hooks.dialects import OsirisDialect
from osiris_provider.hooks.frames import imported, polars_frame, watched

if TYPE_CHECKING:
    import polars as pl
    from airflow.providers.openlineage.sqlparser import DatabaseInfo
    from sqlalchemy.engine import URL, Engine

    from osiris_provider.hooks.bulk.inserts import InsertWatch

__all__ = ["OsirisDbApiHook"]

Parameters = list[Any] | tuple[Any, ...] | Mapping[str, Any] | None
Adapter = Callable[[Any], Any]
INFORMATION = ("table_schema", "table_name", "column_name", "ordinal_position")
"""What OpenLineage asks a server's ``information_schema.columns`` for, besides the type."""


class OsirisDbApiHook(OsirisHook, DbApiHook):
    """Base of the SQL families' hooks, for the operators of the common SQL provider.

    :param schema: database to use instead of the connection's.
    :cvar sqlalchemy_driver: of SQLAlchemy's URL.
    :cvar dialect_class: how the family quotes names and replaces rows.
    :cvar word_format: quotes around a name.
    """

    sqlalchemy_driver: ClassVar[str]
    dialect_class: ClassVar[type[OsirisDialect]]
    word_format: ClassVar[str] = '"{}"'
    supports_autocommit = True
    supports_executemany = True
    _watch: InsertWatch | None = None

    def __init__(self, *args: str, schema: str | None = None, **kwargs: Any) -> None:
        DbApiHook.__init__(self, *args, **kwargs)
        # SQLExecuteQueryOperator(database=…) sets this attribute.
        self.schema = schema

    @property
    def effective(self) -> ResolvedConnection:
        """The resolved connection, with the database that was asked for."""
        connector = get_connector(self.family)
        return connector.on_database(self.resolved, self.schema) if self.schema else self.resolved

    @property
    def connection_extra(self) -> dict[str, Any]:
        """The extras of the connection, also if it comes from the file."""
        return dict(to_airflow(self.family, self.effective)["extra"])

    @property
    def escape_word_format(self) -> str:
        """Quotes around a name: the hook's argument, else of the connection, else the family's."""
        return str(self._escape_word_format or self.connection_extra.get("escape_word_format") or self.word_format)

    @cached_property
    def dialect_name(self) -> str:
        """Name of the dialect, as SQLAlchemy calls it."""
        return self.sqlalchemy_driver.partition("+")[0]

    @cached_property
    def dialect(self) -> OsirisDialect:
        """How the family quotes names and replaces rows."""
        return self.dialect_class(self)

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override] # the stub of DbApiHook says None
        """Check the connection with doctor; see :meth:`OsirisHook.test_connection`."""
        return OsirisHook.test_connection(self)

    def get_conn(self) -> Any:
        """Return a new DB-API connection; the caller closes it."""
        return self._new_client(self.effective)

    def get_uri(self) -> str:
        """Return the connection as a URL for SQLAlchemy. It holds the password: never log it."""
        return str(self.sqlalchemy_url.render_as_string(hide_password=False))

    @property
    def sqlalchemy_url(self) -> URL:
        """The connection as SQLAlchemy's URL."""
        from sqlalchemy.engine import make_url

        dsn = get_connector(self.family).build_dsn(self.effective)
        return make_url(dsn).set(drivername=self.sqlalchemy_driver)

    def get_sqlalchemy_engine(self, engine_kwargs: dict[str, Any] | None = None) -> Engine:
        """Return an engine that connects as :meth:`get_conn` does, TLS and deadline included.

        :param engine_kwargs: for ``sqlalchemy.create_engine``.
        """
        from sqlalchemy import create_engine

        return create_engine(self.sqlalchemy_url, **{"creator": self.get_conn, **(engine_kwargs or {})})

    def insert_rows(
        self,
        table: str,
        rows: Iterable[Sequence[Any]],
        target_fields: Iterable[str] | None = None,
        commit_every: int = 1000,
        replace: bool = False,
        **kwargs: Any,
    ) -> None:
        """Insert rows, with each value as the driver binds it.

        :param table: perhaps with its schema, as SQL writes it.
        :param rows: of values, in the order of the columns.
        :param target_fields: the columns; None: all of the table.
        :param commit_every: rows a transaction; 0: all in one.
        :param replace: what is there already is replaced.
        :param kwargs: as of ``DbApiHook``, and ``replace_index`` and ``replace_target``.
        :raises TypeError: a row is no sequence of values, or a value has no form in this database.
        :raises DataError: MySQL's ``REPLACE`` would delete or change rows of other tables.
        """
        fields = list(target_fields) if target_fields else None
        adapters = self._adapters(table, fields)
        given = _sequences(rows)
        adapted = (_adapted(row, adapters) for row in given) if any(adapters) else given
        # The base class takes chunks of 0 rows for the end of all rows.
        limit: Any = commit_every or None
        # Of its own: other threads, and the rows themselves, may work with this hook meanwhile.
        hook = copy(self)
        hook._watch = watch = self._new_watch(table, replace=replace, **kwargs)  # noqa: SLF001 - of this class
        followed = watch.counted(adapted) if watch else adapted
        DbApiHook.insert_rows(hook, table, followed, fields, limit, replace, **kwargs)
        if watch:
            watch.say()

    def upsert_rows(
        self,
        table: str,
        rows: Iterable[Sequence[Any]],
        target_fields: Sequence[str],
        conflict_fields: Sequence[str],
        update_fields: Sequence[str] | None = None,
        commit_every: int = 1000,
        **kwargs: Any,
    ) -> None:
        """Insert rows, and update those that are there.

        :param table: perhaps with its schema, as SQL writes it.
        :param rows: of values, in the order of ``target_fields``.
        :param target_fields: the columns of a row.
        :param conflict_fields: the columns of the key that tells rows apart; on MySQL each unique key does.
        :param update_fields: the columns that are updated, all but those of the key if not given, none if empty.
        :param commit_every: rows a transaction; 0: all in one.
        :param kwargs: ``autocommit`` and the like, as of ``insert_rows``.
        :raises ValueError: there are no conflict fields.
        :raises TypeError: a value has no form in this database.
        """
        if not conflict_fields:
            message = "conflict_fields is empty: say the columns of the key that tells rows apart."
            raise ValueError(message)
        known = {self.dialect.column_name(name) for name in conflict_fields}
        others = [name for name in target_fields if self.dialect.column_name(name) not in known]
        which = {
            "replace_index": list(conflict_fields),
            "replace_target": others if update_fields is None else list(update_fields),
        }
        self.insert_rows(table, rows, target_fields, commit_every, replace=True, **which, **kwargs)

    def _new_watch(self, table: str, *, replace: bool, **kwargs: Any) -> InsertWatch | None:  # noqa: ARG002 - for subclasses
        """Return what follows the rows of a call of :meth:`insert_rows`, None where the server keeps all or says so."""
        return None

    @contextmanager
    def _create_autocommit_connection(self, autocommit: bool = False) -> Iterator[Any]:
        with super()._create_autocommit_connection(autocommit) as connection:
            if self._watch is not None:
                self._watch.begin(connection)
            yield connection

    @abstractmethod
    def _adapters(self, table: str, target_fields: Sequence[str] | None) -> list[Adapter | None]:
        """Return for each column what has to be done to its values because of its type."""

    @staticmethod
    def _serialize_cell(cell: Any, conn: Any = None) -> Any:  # noqa: ARG004 - as the base class has it
        """Return the value itself: drivers bind it. The base class would make a text of it."""
        return cell

    def _get_pandas_df(self, sql: str, parameters: Parameters = None, **kwargs: Any) -> Any:
        read_sql = imported("pandas.io.sql").read_sql
        with closing(watched(self.get_conn(), kwargs)) as connection:
            return read_sql(sql, con=connection, params=parameters, **kwargs)

    def _get_pandas_df_by_chunks(
        self, sql: str, parameters: Parameters = None, *, chunksize: int, **kwargs: Any
    ) -> Iterator[Any]:
        read_sql = imported("pandas.io.sql").read_sql
        with closing(watched(self.get_conn(), kwargs)) as connection:
            yield from read_sql(sql, con=connection, params=parameters, chunksize=chunksize, **kwargs)

    def _get_polars_df(self, sql: str, parameters: Parameters = None, **kwargs: Any) -> pl.DataFrame:
        with closing(self.get_conn()) as connection, closing(connection.cursor()) as cursor:
            _execute(cursor, sql, parameters)
            return polars_frame(cursor, cursor.fetchall(), kwargs)

    def _get_polars_df_by_chunks(
        self, sql: str, parameters: Parameters = None, *, chunksize: int, **kwargs: Any
    ) -> Iterator[pl.DataFrame]:
        with closing(self.get_conn()) as connection, closing(connection.cursor()) as cursor:
            _execute(cursor, sql, parameters)
            while rows := cursor.fetchmany(chunksize):
                yield polars_frame(cursor, rows, kwargs)

    def get_openlineage_database_info(self, connection: Any) -> DatabaseInfo | None:  # noqa: ARG002 - it may be of the file
        """Return where the tables of a query are, for OpenLineage."""
        from airflow.providers.openlineage.sqlparser import DatabaseInfo

        connector = get_connector(self.family)
        database = to_airflow(self.family, self.effective)["schema"]
        return DatabaseInfo(scheme=self.family, authority=connector.address_of(self.effective), database=database)

    def get_openlineage_database_dialect(self, connection: Any) -> str:  # noqa: ARG002 - as the base class has it
        """Return the family, by whose name OpenLineage knows the dialect."""
        return self.family

    def get_openlineage_default_schema(self) -> str | None:
        """Return where a table is that a query names without its schema."""
        schema: str | None = to_airflow(self.family, self.effective)["schema"]
        return schema


def as_json(cell: Any) -> Any:
    """Return a dict or a list as JSON, all else as it is.

    :param cell: a value of a row.
    :raises ValueError: it holds a number that JSON does not have.
    """
    return json.dumps(cell, default=str, allow_nan=False) if isinstance(cell, (dict, list, tuple)) else cell


def as_utc(cell: Any) -> Any:
    """Return a datetime with a time zone without it, as UTC tells it, all else as it is: as the writers do.

    :param cell: a value of a row, for a column without a time zone.
    """
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.astimezone(timezone.utc).replace(tzinfo=None)
    return cell


def as_time(cell: Any) -> Any:
    """Return a value for a column of times of day, which have no time zone.

    :param cell: a value of a row.
    :raises TypeError: it has one, which servers would drop.
    """
    if isinstance(cell, time) and cell.tzinfo is not None:
        message = "The column has no place for the time zone of a time of day; convert the value before it is inserted."
        raise TypeError(message)
    return cell


def _sequences(rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Yield the rows; of a dict the names would be inserted, and of a text its characters."""
    for number, row in enumerate(rows, 1):
        if isinstance(row, Mapping | AbstractSet | str | bytes):
            kind = type(row).__name__
            message = f"Row {number:,} is a {kind}; a row is a tuple or list of values, in the order of the columns."
            raise TypeError(message)
        yield row


def _adapted(row: Sequence[Any], adapters: Sequence[Adapter | None]) -> tuple[Any, ...]:
    # That a row has more values than the table has columns is for the server to say.
    of_each = zip(row, chain(adapters, repeat(None)), strict=False)
    return tuple(adapt(cell) if adapt else cell for cell, adapt in of_each)


def _execute(cursor: Any, sql: str, parameters: Parameters) -> None:
    # Without parameters a percent sign is one.
    if parameters:
        cursor.execute(sql, parameters)
    else:
        cursor.execute(sql)
