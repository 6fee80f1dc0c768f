"""The connection of family ``postgres``: fields, or a DSN, all of which reach libpq."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from typing_extensions import Self

from osiris_provider.connectors.model import ConnectionModel, FieldError, FieldInfo, readable_file
from osiris_provider.connectors.postgres import auth
from osiris_provider.connectors.postgres.auth import ENCRYPTED, for_other_clients, is_socket, socket_path
from osiris_provider.connectors.postgres.diagnose import DEFAULT_ROOT, UNASKED, check_revoked
from osiris_provider.connectors.postgres.dsn import parsed
from osiris_provider.connectors.postgres.library import Parameters, of_its_own
from osiris_provider.connectors.sql.dbapi import build_url
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.sockets import address_of

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
SSLMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

TLSVersion = Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
Seconds = Annotated[int, Field(ge=0, le=2**31 - 1)]

CONNECT_SECONDS = 10

_LIBPQ_NAMES = {"database": "dbname"}
_FILE_FIELDS = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_IN_A_DSN = ("host", "port", "database", "user", "password")
"""Where and as whom to log in: a DSN says all of it, or the fields do."""
_CHECKED = ("host", "user", "sslmode", "require_auth", "connect_timeout")
"""What a DSN may say only as the field of that name does."""


class PostgresConnection(ConnectionModel):
    """A PostgreSQL connection: where and as whom in fields, or in a DSN; never both."""

    host: Annotated[
        Annotated[Name, AfterValidator(auth.checked_address)] | None,
        FieldInfo(
            "Server name or address, or the directory of its socket; empty with a DSN.",
            public=True,
            airflow="host",
            placeholder="db.example.com",
        ),
    ] = None
    port: Annotated[
        int | None,
        FieldInfo("Port of the server; 5432 if empty.", airflow="port", placeholder="5432"),
        Field(ge=1, le=65535),
    ] = None
    database: Annotated[
        Name | None,
        FieldInfo(
            "Database to use; the user's name if empty.", public=True, airflow="schema", aliases=("dbname", "db")
        ),
    ] = None
    user: Annotated[Name | None, FieldInfo("Role to log in as.", airflow="login", aliases=("username",))] = None
    password: Annotated[
        SecretStr | None, FieldInfo("Password of the role.", airflow="password", aliases=("passwd", "pwd"))
    ] = None
    dsn: Annotated[
        SecretStr | None,
        FieldInfo(
            "Instead of host, port, database, user and password: postgresql:// URL or key=value pairs of libpq.",
            aliases=("conninfo", "uri", "url", "connection_string"),
        ),
    ] = None
    sslmode: Annotated[
        SSLMode | None,
        FieldInfo(
            "How to encrypt and verify; verify-full if sslrootcert is given, else prefer.",
            label="SSL mode",
            aliases=("ssl_mode", "ssl-mode"),
        ),
    ] = None
    sslrootcert: Annotated[
        Name | None,
        FieldInfo("PEM file of the authority that signed the server's certificate, or system.", label="SSL root cert"),
    ] = None
    sslcert: Annotated[Name | None, FieldInfo("PEM file of the client certificate.", label="SSL cert")] = None
    sslkey: Annotated[Name | None, FieldInfo("PEM file of the client certificate's key.", label="SSL key")] = None
    sslpassword: Annotated[
        SecretStr | None, FieldInfo("Password of the client certificate's key.", label="SSL password")
    ] = None
    sslcrl: Annotated[Name | None, FieldInfo("PEM file of revoked certificates.", label="SSL CRL")] = None
    sslcrldir: Annotated[
        Name | None, FieldInfo("Directory of files of revoked certificates.", label="SSL CRL directory")
    ] = None
    ssl_min_protocol_version: Annotated[
        TLSVersion | None, FieldInfo("Oldest version of TLS; TLSv1.2 if empty.", label="SSL min. version")
    ] = None
    ssl_max_protocol_version: Annotated[
        TLSVersion | None, FieldInfo("Newest version of TLS.", label="SSL max. version")
    ] = None
    sslnegotiation: Annotated[
        Literal["postgres", "direct"] | None,
        FieldInfo("direct begins with TLS; PostgreSQL 17 and libpq 17.", label="SSL negotiation"),
    ] = None
    channel_binding: Annotated[
        Literal["disable", "prefer", "require"] | None,
        FieldInfo("require logs in only to the server that has the certificate's key; with scram-sha-256 over TLS."),
    ] = None
    require_auth: Annotated[
        str | None,
        FieldInfo(
            "Ways to log in that the server may ask for, or with ! may not. Over an unencrypted line a password goes "
            "out in clear text only if this names password.",
            placeholder="scram-sha-256",
        ),
        AfterValidator(auth.checked_ways),
    ] = None
    gssencmode: Annotated[
        Literal["disable", "prefer", "require"] | None, FieldInfo("Encryption by Kerberos.", label="GSS encryption")
    ] = None
    krbsrvname: Annotated[Name | None, FieldInfo("Service name for Kerberos.", label="Kerberos service")] = None
    requirepeer: Annotated[
        Name | None, FieldInfo("System user that the server of a Unix socket must run as.", label="Required peer")
    ] = None
    target_session_attrs: Annotated[
        Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] | None,
        FieldInfo("What kind of server it must be."),
    ] = None
    keepalives: Annotated[bool | None, FieldInfo("Whether the operating system asks if an idle server is alive.")] = (
        None
    )
    keepalives_idle: Annotated[Seconds | None, FieldInfo("Seconds of silence until it asks.")] = None
    keepalives_interval: Annotated[Seconds | None, FieldInfo("Seconds until it asks again.")] = None
    keepalives_count: Annotated[Seconds | None, FieldInfo("How often it asks until the line counts as broken.")] = None
    tcp_user_timeout: Annotated[
        Seconds | None, FieldInfo("Milliseconds until the line counts as broken if what was sent is not acknowledged.")
    ] = None
    application_name: Annotated[str | None, FieldInfo("Name shown in the server's list of sessions.")] = None
    options: Annotated[str | None, FieldInfo("Server settings, such as -c statement_timeout=60000.")] = None
    connect_timeout: Annotated[
        float | None,
        FieldInfo(f"Seconds to connect and log in; {CONNECT_SECONDS} if empty."),
        Field(gt=0, le=3600),
    ] = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        separate = [name for name in _IN_A_DSN if getattr(self, name) is not None]
        if self.dsn is not None and separate:
            message = f"dsn and {', '.join(separate)} are given: a connection has a DSN or separate fields; keep one"
            raise ValueError(message)
        if self.dsn is None and (self.host is None or self.user is None):
            message = "is required, or a dsn that has it"
            raise FieldError(message, field="host" if self.host is None else "user")
        return self

    def connect_seconds(self) -> float:
        """Return ``connect_timeout`` of the field or of the DSN."""
        return float(self._given().get("connect_timeout") or CONNECT_SECONDS)

    def check_further(self) -> None:
        """Check what the DSN says, and that nothing is said twice; see :meth:`ConnectionModel.check_further`."""
        self._known()

    def shown_address(self) -> str:
        """Return ``host:port``, of the fields or of the DSN, or the path of the Unix socket."""
        known = self._known()
        return socket_path(known) if is_socket(known) else address_of(known["host"], int(known["port"]))

    def as_url(self, *, redacted: bool) -> str:
        """Return ``postgresql://user:password@host:port/database?sslmode=…``.

        Where the line may be unencrypted it has ``require_auth=!password``, so that libpq behaves as it does here.
        """
        known = dict(for_other_clients(of_its_own(self._known())))
        address = known.pop("host"), int(known.pop("port"))
        # An empty one keeps that of the environment out.
        password = known.pop("password") if known.get("password") else ""
        user, database = known.pop("user"), known.pop("dbname", None)
        if redacted:
            return build_url("postgresql", None, address, database)
        return build_url("postgresql", (user, password), address, database, known)

    def parameters(self) -> Parameters:
        """Return what libpq takes, files checked.

        :raises ConnectionConfigError: the DSN cannot be read or lacks something, or a file cannot be read.
        """
        known = Parameters({"application_name": "osiris", "client_encoding": "UTF8", **self._known()})
        known["sslpassword"] = known.get("sslpassword") or UNASKED
        for name in _FILE_FIELDS:
            if known.get(name, "system") != "system":
                known[name] = readable_file(name, known[name]) or ""
        if known.get("sslcrl"):
            check_revoked(known["sslcrl"])
        if known.get("sslnegotiation") == "direct" and known.get("sslmode") not in ENCRYPTED:
            message = f"field sslnegotiation: direct needs sslmode {', '.join(ENCRYPTED[:-1])} or {ENCRYPTED[-1]}"
            raise ConnectionConfigError(message, field="sslnegotiation")
        verifies = known.get("sslmode", "").startswith("verify")
        if verifies and "sslrootcert" not in known and not os.path.exists(os.path.expanduser(DEFAULT_ROOT)):
            message = f"field sslrootcert is required with sslmode {known['sslmode']}: a PEM file, or system"
            raise ConnectionConfigError(message, field="sslrootcert")
        return of_its_own(known)

    def parameters_for_others(self) -> dict[str, Any]:
        """Return the same for clients that try the lines by themselves: they refuse clear text as is done here.

        :raises ConnectionConfigError: as :meth:`parameters`.
        """
        return dict(for_other_clients(self.parameters()))

    def _known(self) -> Parameters:
        """Return what is for libpq: the seconds to connect are kept by a deadline."""
        known = self._given()
        known.pop("connect_timeout", None)
        return known

    def _given(self) -> Parameters:
        known = parsed(self.dsn.get_secret_value()) if self.dsn else Parameters()
        for name in (spec.name for spec in self.fields() if spec.name != "dsn"):
            if getattr(self, name) is not None:
                libpq_name = _LIBPQ_NAMES.get(name, name)
                if libpq_name in known:
                    message = f"field {name}: the dsn says {libpq_name} too; keep one"
                    raise ConnectionConfigError(message, field=name)
                known[libpq_name] = _as_text(getattr(self, name))
        known.setdefault("port", "5432")
        for name in ("host", "user"):
            if not known.get(name):
                message = f"field {name} is required: neither it nor the dsn names one"
                raise ConnectionConfigError(message, field=name)
        if "sslrootcert" in known:
            known.setdefault("sslmode", "verify-full")
        _refuse_unsendable(known)
        _check_named(known)
        if not known["port"].isdecimal():
            message = "field dsn: name one port, a number"
            raise ConnectionConfigError(message, field="dsn")
        return known


def _refuse_unsendable(known: Parameters) -> None:
    """Refuse what libpq, whose texts end at a NUL and are UTF-8, would cut or choke on."""
    fields = {libpq_name: name for name, libpq_name in _LIBPQ_NAMES.items()}
    for name, value in known.items():
        if not _is_sendable(value):
            field = fields.get(name, name)
            del value
            message = f"field {field} has a character that PostgreSQL cannot take: a NUL or half of a surrogate pair"
            raise ConnectionConfigError(message, field=field)


def _is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _check_named(known: Parameters) -> None:
    """Check what a DSN says as the field of that name is checked; libpq would say only that something is wrong."""
    if "service" in known:
        message = "field dsn: a service file can say less of TLS than this connection; write host, user and sslmode"
        raise ConnectionConfigError(message, field="dsn")
    written = {name: known[name] for name in _CHECKED if known.get(name)}
    checked, problems, _ = PostgresConnection.coerce(written)
    for name, problem in problems:
        message = f"field dsn: {name} {problem}"
        raise ConnectionConfigError(message, field="dsn")
    if "require_auth" in checked:
        known["require_auth"] = checked["require_auth"]


def _as_text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(int(value)) if isinstance(value, bool) else str(value)
