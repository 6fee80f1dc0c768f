"""The connection of the mysql family: its fields, and the TLS that they ask for (CONN-017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator
from typing_extensions import Self

from osiris_provider.connectors.model import ConnectionModel, FieldInfo, FieldSpec, readable_file
from osiris_provider.connectors.sql.dbapi import build_url, checked_host
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.sockets import address_of
from osiris_provider.net.tls import DeadlineContext, shared_context, tls_context
from osiris_provider.net.tls_files import TLSFileError

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

TLS_FIELDS: Final = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_verify")
SSL_MODE_NAMES: Final = ("ssl_mode", "ssl-mode", "sslmode")
SSL_MODES: Final[Mapping[str, Mapping[str, Any]]] = {
    "DISABLED": {"ssl": False},
    "PREFERRED": {},
    "REQUIRED": {"ssl": True},
    "VERIFY_CA": {"ssl": True, "ssl_verify": "ca"},
    "VERIFY_IDENTITY": {"ssl": True, "ssl_verify": True},
}
"""The values of ``--ssl-mode`` of MySQL's own clients, as our fields."""
MAX_KEY_BYTES: Final = 1 << 16


class MySQLConnection(ConnectionModel):
    """A MySQL or MariaDB connection."""

    host: Annotated[
        Annotated[Name, AfterValidator(checked_host)] | None,
        FieldInfo("Server name or address.", public=True, airflow="host", placeholder="db.example.com"),
    ] = None
    port: Annotated[
        int, FieldInfo("Port of the server.", airflow="port", placeholder="3306"), Field(ge=1, le=65535)
    ] = 3306
    unix_socket: Annotated[
        Name | None, FieldInfo("Path of the server's Unix socket, instead of a host."), Field(pattern="^/")
    ] = None
    database: Annotated[
        Name | None, FieldInfo("Database to use.", public=True, airflow="schema", aliases=("db", "dbname"))
    ] = None
    user: Annotated[Name, FieldInfo("User to log in as.", airflow="login", aliases=("username",))]
    password: Annotated[
        SecretStr, FieldInfo("Password of the user.", airflow="password", aliases=("passwd", "pwd"))
    ] = SecretStr("")
    charset: Annotated[Name, FieldInfo("Character set of the connection.")] = "utf8mb4"
    ssl: Annotated[
        bool | None, FieldInfo("true: encrypt or do not connect; false: never; not given: if the server offers it.")
    ] = None
    ssl_ca: Annotated[
        Name | None,
        FieldInfo(
            "PEM file of the authority that signed the server's certificate; it is then verified, with the host name."
        ),
    ] = None
    ssl_cert: Annotated[Name | None, FieldInfo("PEM file of the client certificate.")] = None
    ssl_key: Annotated[Name | None, FieldInfo("PEM file of the client certificate's key.")] = None
    ssl_verify: Annotated[
        bool | Literal["ca"],
        FieldInfo("true: verify the certificate by the system's authorities; ca: by ssl_ca, without the host name."),
    ] = False
    server_public_key: Annotated[
        Name | None,
        FieldInfo("PEM file of the server's RSA key, with which a password may be encrypted on an unencrypted line."),
    ] = None
    allow_public_key_retrieval: Annotated[
        bool, FieldInfo("Take that key from any server that answers; who sits between can then read the password.")
    ] = False
    allow_cleartext_password: Annotated[
        bool,
        FieldInfo(
            "Send the password itself if the server asks for it (PAM, LDAP), also without verified TLS.",
            aliases=("enable_cleartext_plugin",),
        ),
    ] = False
    connect_timeout: Annotated[float, FieldInfo("Seconds to connect and log in."), Field(gt=0, le=3600)] = 10.0
    read_timeout: Annotated[
        float | None, FieldInfo("Seconds to wait for each answer; no limit if empty."), Field(gt=0, le=604_800)
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problem = self._tls_problem() or self._address_problem()
        if problem:
            raise ValueError(problem)
        return self

    def _tls_problem(self) -> str | None:
        if self.ssl is False and any(getattr(self, name) for name in TLS_FIELDS):
            return "ssl is false but ssl_ca, ssl_cert, ssl_key or ssl_verify asks for TLS; set ssl: true"
        if self.ssl_key and not self.ssl_cert:
            return "ssl_key is given without ssl_cert; give both"
        if self.ssl_verify == "ca" and not self.ssl_ca:
            return "to verify the authority alone (ssl_verify: ca), ssl_ca is needed: the authority's PEM file"
        return None

    def _address_problem(self) -> str | None:
        if not self.unix_socket:
            return None
        if self.host:
            return "host and unix_socket are two addresses; keep one"
        if self.verified == "name":
            return "a Unix socket has no host name that could be verified; set ssl_verify: ca"
        return None

    @classmethod
    def declared(cls) -> Mapping[str, FieldSpec]:
        """Return the declared fields by name and by alias; ``ssl_mode`` of other clients stands for ``ssl``."""
        known = super().declared()
        return {**known, **dict.fromkeys(SSL_MODE_NAMES, known["ssl"])}

    @classmethod
    def coerce(cls, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]], list[str]]:
        """Check and coerce fields; see :meth:`ConnectionModel.coerce`. ``ssl_mode`` becomes our fields."""
        translated, problems = _without_ssl_mode(fields)
        if fields.get("host") is None and fields.get("unix_socket") is None:
            problems.append(("host", "is required: Server name or address, or else unix_socket"))
        coerced, others, unknown = super().coerce(translated)
        return {} if problems else coerced, problems + others, unknown

    @property
    def tls(self) -> bool | None:
        """Whether the line must be encrypted; None: if the server offers it. Naming a certificate asks for it too."""
        if any(getattr(self, name) for name in TLS_FIELDS):
            return True
        # A Unix socket does not leave the machine.
        return False if self.ssl is None and self.unix_socket else self.ssl

    @property
    def verified(self) -> Literal["authority", "name"] | None:
        """What of the server's certificate is verified: nothing, who signed it, or also for which host name."""
        if self.ssl_verify == "ca":
            return "authority"
        return "name" if self.ssl_ca or self.ssl_verify else None

    def ssl_mode(self) -> str:
        """Return what the fields mean in the words of MySQL's own clients, such as ``VERIFY_IDENTITY``."""
        if self.verified:
            return "VERIFY_IDENTITY" if self.verified == "name" else "VERIFY_CA"
        return {True: "REQUIRED", False: "DISABLED", None: "PREFERRED"}[self.tls]

    def connect_seconds(self) -> float:
        """Return ``connect_timeout``."""
        return self.connect_timeout

    def shown_address(self) -> str:
        """Return ``host:port``, or the path of the Unix socket."""
        return self.unix_socket or address_of(self.host or "", self.port)

    def as_url(self, *, redacted: bool) -> str:
        """Return ``mysql://user:password@host:port/database?charset=…``, with the TLS files as SQLAlchemy has them."""
        address = self.host or "localhost", self.port
        options: dict[str, Any] = {"unix_socket": self.unix_socket}
        if redacted:
            return build_url("mysql", None, address, self.database, options)
        options |= {"charset": self.charset, "ssl_ca": self.ssl_ca, "ssl_cert": self.ssl_cert, "ssl_key": self.ssl_key}
        if self.verified == "authority":
            options["ssl_check_hostname"] = "false"
        return build_url("mysql", (self.user, self.password.get_secret_value()), address, self.database, options)

    def context(self) -> DeadlineContext | None:
        """Return the TLS context that the fields ask for (CONN-017), or None. No one may change it.

        :raises ConnectionConfigError: a file is missing, or is of no use.
        """
        if self.tls is False:
            return None
        ca, cert, key = (readable_file(name, getattr(self, name)) for name in ("ssl_ca", "ssl_cert", "ssl_key"))
        if not (ca or cert):
            return shared_context(tls_context if self.verified else _unverified)
        try:
            context = tls_context(ca=ca, cert=cert, key=key, verify=bool(self.verified))
        except TLSFileError as error:
            wrong = error
        else:
            context.check_hostname = self.verified == "name"
            return context
        if wrong.role == "password":
            wrong = TLSFileError("key", "the key is encrypted. Give one without a passphrase (openssl pkey -in KEY)")
        field = f"ssl_{wrong.role}"
        raise ConnectionConfigError(wrong.text(field), field=field)

    def public_key(self) -> bytes | None:
        """Return the server's RSA key of ``server_public_key``, as PEM.

        :raises ConnectionConfigError: the file is missing or is no such key.
        """
        path = readable_file("server_public_key", self.server_public_key)
        if path is None:
            return None
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        with open(path, "rb") as file:
            pem = file.read(MAX_KEY_BYTES)
        try:
            valid = isinstance(load_pem_public_key(pem), RSAPublicKey)
        except ValueError:
            valid = False
        if not valid:
            message = "field server_public_key: the file is not a PEM file of an RSA public key"
            raise ConnectionConfigError(message, field="server_public_key")
        return pem


def _unverified() -> DeadlineContext:
    return tls_context(verify=False)


def _without_ssl_mode(fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]]]:
    """Return the fields with ``ssl_mode`` of other clients as ``ssl`` and ``ssl_verify``, and the problems of that."""
    rest = {name: value for name, value in fields.items() if name not in SSL_MODE_NAMES}
    given = {name: fields[name] for name in SSL_MODE_NAMES if fields.get(name) is not None}
    problems: list[tuple[str | None, str]] = []
    for number, (name, value) in enumerate(given.items()):
        mode = SSL_MODES.get(str(value).strip().upper().replace("-", "_"))
        if mode is None:
            problems.append((name, f"is one of {', '.join(SSL_MODES)}"))
        elif number or any(rest.get(field) is not None for field in ("ssl", "ssl_verify")):
            problems.append((name, "means the same as ssl and ssl_verify; keep one"))
        else:
            rest |= mode
    return rest, problems
