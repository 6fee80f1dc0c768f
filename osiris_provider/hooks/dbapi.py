"""What the hooks of the SQL families share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.sql.hooks.sql import DbApiHook

from osiris_provider.connectors.airflow_form import to_airflow
from osiris_provider.connectors.registry import get_connector
from osiris_provider.hooks.base import OsirisHook

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine


class OsirisDbApiHook(OsirisHook, DbApiHook):
    """Base of the SQL families' hooks, for the operators of the common SQL provider.

    :param schema: database to use instead of the connection's.
    """

    sqlalchemy_driver: ClassVar[str]

    def __init__(self, *args: str, schema: str | None = None, **kwargs: Any) -> None:
        DbApiHook.__init__(self, *args, **kwargs)
        # SQLExecuteQueryOperator(database=…) sets this attribute.
        self.schema = schema

    @property
    def effective(self) -> dict[str, Any]:
        """The resolved connection, with the database that was asked for."""
        connector = get_connector(self.family)
        return connector.on_database(self.resolved, self.schema) if self.schema else self.resolved

    @property
    def connection_extra(self) -> dict[str, Any]:
        """The extras of the connection, also if it comes from the file."""
        return dict(to_airflow(self.family, self.effective)["extra"])

    def test_connection(self) -> tuple[bool, str]:  # type: ignore[override] # the stub of DbApiHook says None
        """Check the connection with doctor; see :meth:`OsirisHook.test_connection`."""
        return OsirisHook.test_connection(self)

    def get_conn(self) -> Any:
        """Return a new DB-API connection; the caller closes it."""
        return get_connector(self.family).create_client(self.effective)

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
