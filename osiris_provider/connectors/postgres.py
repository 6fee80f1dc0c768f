"""PostgreSQL, through psycopg2."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints, model_validator
from typing_extensions import Self

from osiris_provider.connectors import libpq
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.dbapi import (
    DiagnosedError,
    build_url,
    is_leased,
    place_of,
    readable_file,
    version_text,
)
from osiris_provider.connectors.deadline import Deadline
from osiris_provider.connectors.faults import RESET, Fault
from osiris_provider.connectors.model import ConnectionModel, Info
from osiris_provider.connectors.postgres_faults import fault_of_sqlstate
from osiris_provider.errors import ConnectionConfigError

if TYPE_CHECKING:
    from psycopg2 import extensions

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
SSLMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

_LIBPQ_NAMES = {"database": "dbname"}
_PLAIN_FIELDS = ("host", "port", "database", "user", "sslmode", "application_name", "options")
_FILE_FIELDS = ("sslrootcert", "sslcert", "sslkey")
_IN_A_DSN = ("host", "port", "database", "user", "password")
"""Where and as whom to log in: a DSN says all of it, or the fields do."""


class PostgresConnection(ConnectionModel):
    """A PostgreSQL connection: where and as whom in fields, or in a DSN; never both."""

    host: Annotated[
        Name | None,
        Info(
            "Server name or address, or the directory of its socket; empty with a DSN.",
            public=True,
            airflow="host",
            placeholder="db.example.com",
        ),
    ] = None
    port: Annotated[
        int | None,
        Info("Port of the server; 5432 if empty.", airflow="port", placeholder="5432"),
        Field(ge=1, le=65535),
    ] = None
    database: Annotated[
        Name | None,
        Info("Database to use; the user's name if empty.", public=True, airflow="schema", aliases=("dbname", "db")),
    ] = None
    user: Annotated[Name | None, Info("Role to log in as.", airflow="login", aliases=("username",))] = None
    password: Annotated[
        SecretStr | None, Info("Password of the role.", airflow="password", aliases=("passwd", "pwd"))
    ] = None
    dsn: Annotated[
        SecretStr | None,
        Info(
            "Instead of host, port, database, user and password: postgresql:// URL or key=value pairs of libpq.",
            aliases=("conninfo", "uri", "url", "connection_string"),
        ),
    ] = None
    sslmode: Annotated[
        SSLMode | None,
        Info(
            "How to encrypt and verify; verify-full if sslrootcert is given, else prefer.",
            label="SSL mode",
            aliases=("ssl_mode", "ssl-mode"),
        ),
    ] = None
    sslrootcert: Annotated[
        Name | None,
        Info("PEM file of the authority that signed the server's certificate, or system.", label="SSL root cert"),
    ] = None
    sslcert: Annotated[Name | None, Info("PEM file of the client certificate.", label="SSL cert")] = None
    sslkey: Annotated[Name | None, Info("PEM file of the client certificate's key.", label="SSL key")] = None
    application_name: Annotated[str | None, Info("Name shown in the server's list of sessions.")] = None
    options: Annotated[str | None, Info("Server settings, such as -c statement_timeout=60000.")] = None
    connect_timeout: Annotated[float, Info("Seconds to connect and log in."), Field(gt=0, le=3600)] = 10.0

    @model_validator(mode="after")
    def _enough(self) -> Self:
        separate = [name for name in _IN_A_DSN if getattr(self, name) is not None]
        if self.dsn is not None and separate:
            message = f"dsn and {', '.join(separate)} are given: a connection has a DSN or separate fields; keep one"
            raise ValueError(message)
        if self.dsn is None and (self.host is None or self.user is None):
            message = f"field {'host' if self.host is None else 'user'} is required, or a dsn that has it"
            raise ValueError(message)
        return self

    def connect_seconds(self) -> float:
        """Return ``connect_timeout``."""
        return self.connect_timeout

    def place(self) -> str:
        """Return ``host:port``, of the fields or of the DSN."""
        known = self._known()
        return known["host"] if known["host"].startswith("/") else place_of(known["host"], int(known["port"]))

    def as_url(self, *, redacted: bool) -> str:
        """Return ``postgresql://user:password@host:port/database?sslmode=…``."""
        known = self._known()
        place = known.pop("host"), int(known.pop("port"))
        user, password, database = known.pop("user"), known.pop("password", ""), known.pop("dbname", None)
        if redacted:
            return build_url("postgresql", None, place, database)
        return build_url("postgresql", (user, password), place, database, known)

    def parameters(self) -> dict[str, Any]:
        """Return what libpq takes, files checked.

        :raises ConnectionConfigError: the DSN cannot be read or lacks something, or a file cannot be read.
        """
        known = {"application_name": "osiris", "client_encoding": "UTF8", **self._known()}
        for name in _FILE_FIELDS:
            if known.get(name, "system") != "system":
                known[name] = readable_file(name, known[name]) or ""
        if "sslrootcert" in known:
            known.setdefault("sslmode", "verify-full")
        verifies = known.get("sslmode", "").startswith("verify")
        if verifies and "sslrootcert" not in known and not os.path.exists(os.path.expanduser(libpq.DEFAULT_ROOT)):
            message = f"field sslrootcert is required with sslmode {known['sslmode']}: a PEM file, or system"
            raise ConnectionConfigError(message, field="sslrootcert")
        return known

    def _known(self) -> dict[str, Any]:
        known = _parsed(self.dsn.get_secret_value()) if self.dsn else {}
        for name in (*_PLAIN_FIELDS, *_FILE_FIELDS):
            if getattr(self, name) is not None:
                libpq_name = _LIBPQ_NAMES.get(name, name)
                if libpq_name in known:
                    message = f"field {name}: the dsn says {libpq_name} too; keep one"
                    raise ConnectionConfigError(message, field=name)
                known[libpq_name] = str(getattr(self, name))
        if self.password is not None:
            known["password"] = self.password.get_secret_value()
        known.pop("connect_timeout", None)
        known.setdefault("port", "5432")
        for name in ("host", "user"):
            if not known.get(name):
                message = f"field {name} is required: neither it nor the dsn names one"
                raise ConnectionConfigError(message, field=name)
        _refuse_unsendable(known)
        if "," in known["host"] + known["port"] or not known["port"].isdecimal():
            message = "field dsn: name one host and one port"
            raise ConnectionConfigError(message, field="dsn")
        return known


class PostgresConnector(Connector[PostgresConnection, "extensions.connection"]):
    """Makes psycopg2 connections and checks them."""

    family = "postgres"
    label = "PostgreSQL"
    model = PostgresConnection
    libraries = ("psycopg2",)

    def open_client(self, model: PostgresConnection, deadline: Deadline) -> extensions.connection:
        """Return a psycopg2 connection, logged in, without autocommit; see :meth:`Connector.open_client`.

        The login is tried asynchronously first: that keeps the deadline and knows the code of a refusal, but cursors
        on the server and COPY need a synchronous connection. So a wrong password is sent only once (CONN-019).
        """
        import psycopg2

        parameters = model.parameters()
        with contextlib.closing(libpq.log_in(parameters, deadline)) as tried:
            reached = tried.get_dsn_parameters().get("hostaddr")
        if reached:
            parameters["hostaddr"] = reached
        seconds = math.ceil(deadline.remaining())
        client: extensions.connection = psycopg2.connect(**parameters, connect_timeout=seconds)
        _have_the_line_watched(client)
        return client

    def on_database(self, connection: Mapping[str, Any], database: str) -> dict[str, Any]:
        """Put the database into the DSN, if there is one; see :meth:`Connector.on_database`."""
        model = self.model.parse(connection)
        if model.dsn is None:
            return super().on_database(connection, database)
        from psycopg2.extensions import make_dsn

        dsn = make_dsn(**{**_parsed(model.dsn.get_secret_value()), "dbname": database})
        names = ("dsn", *self.declared()["dsn"].info.aliases)
        return {**{name: value for name, value in connection.items() if name not in names}, "dsn": dsn}

    def prove(self, model: PostgresConnection, deadline: Deadline) -> dict[str, Any]:
        """Log in and run a query; see :meth:`Connector.prove`. A standby is well, and told by ``read_only``."""
        with contextlib.closing(libpq.log_in(model.parameters(), deadline)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT current_setting('transaction_read_only')")
            libpq.wait(connection, deadline)
            details = {"server_version": version_text(connection.get_parameter_status("server_version"))}
            return {**details, "read_only": True} if cursor.fetchone() == ("on",) else details

    def is_alive(self, client: extensions.connection) -> bool:
        """Ask the server, unless the client is at work."""
        if client.closed:
            return False
        if not is_leased(client):
            with client.cursor() as cursor:
                cursor.execute("SELECT 1")
            client.rollback()
        return True

    def close_client(self, client: extensions.connection) -> None:
        """Log out and close."""
        client.close()

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault of a psycopg2 error by its SQLSTATE."""
        import psycopg2

        if isinstance(error, DiagnosedError):
            return error.fault
        if not isinstance(error, psycopg2.Error):
            return None
        if error.pgcode:
            return fault_of_sqlstate(error.pgcode)
        # libpq itself found the line broken; the server's errors have a code.
        lost = isinstance(error, psycopg2.InterfaceError | psycopg2.OperationalError) or type(error) is (
            psycopg2.DatabaseError
        )
        return RESET if lost else None


def _refuse_unsendable(known: dict[str, Any]) -> None:
    """Refuse what libpq, whose texts end at a NUL and are UTF-8, would cut or choke on."""
    fields = {libpq_name: name for name, libpq_name in _LIBPQ_NAMES.items()}
    for name, value in known.items():
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            field = fields.get(name, name)
            message = f"field {field} has a character that PostgreSQL cannot take: a NUL or half of a surrogate pair"
            raise ConnectionConfigError(message, field=field)


def _parsed(dsn: str) -> dict[str, Any]:
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        return dict(parse_dsn(dsn))
    except (ProgrammingError, ValueError):
        message = "field dsn: libpq cannot read it; write postgresql://user:password@host:port/database"
    raise ConnectionConfigError(message, field="dsn")


def _have_the_line_watched(client: extensions.connection) -> None:
    """Have the server notice while it works on a query that this process has died, and stop (CONN-014)."""
    import psycopg2

    # Servers from version 14 can; some systems they run on cannot.
    if client.server_version >= 140000:
        with contextlib.suppress(psycopg2.Error), client.cursor() as cursor:
            cursor.execute("SET client_connection_check_interval = '2s'")
            client.commit()
        client.rollback()
