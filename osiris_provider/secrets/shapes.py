"""Connections of the file as the connection types of other providers."""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from osiris_provider.connections.security_names import is_about_security
from osiris_provider.connectors.airflow_form import connection_type_of, to_airflow
from osiris_provider.connectors.model import SLOTS
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError

Attributes = dict[str, Any]


def attributes_of(connection: Mapping[str, Any], conn_type: str | None) -> Attributes:
    """Return a resolved connection as the attributes of an Airflow connection.

    :param connection: a resolved connection.
    :param conn_type: type of another provider; None: the family's own.
    :raises ConnectionConfigError: the connection cannot be put into that type, or its client may verify less than the
        family's own does.
    """
    own = to_airflow(str(connection["family"]), connection)
    if conn_type is None or own["conn_type"] != connection_type_of(str(connection["family"])):
        # A connection of family airflow has a type of its own.
        return own
    shape = SHAPES.get(conn_type, _same_names)
    return {**shape(connection, own), "conn_type": conn_type}


def _same_names(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """A type that is not known here gets the same fields under their own names, if none of them protects anything."""
    declared = get_connector(str(connection["family"])).declared()
    protecting = [
        name
        for name in connection
        if name in declared and (name in DSN or (is_about_security(name) and not name.startswith(HARMLESS)))
    ]
    if protecting:
        message = (
            f"Nothing is known of how a connection type that conn_types names here takes {', '.join(protecting)}: its "
            f"client could connect unprotected. Without it in conn_types the family has type {own['conn_type']}."
        )
        raise ConnectionConfigError(message)
    return own


def _http(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """HttpHook sends each entry of ``extra`` that it has no other use for as a header."""
    model = get_connector(str(connection["family"])).model.parse(connection)
    if not hasattr(model, "endpoint"):
        message = f"A {connection['family']} connection is not spoken to over HTTP; take conn_types {own['conn_type']}."
        raise ConnectionConfigError(message)
    endpoint = model.endpoint()
    headers = {name: _text(value) for name, value in {**endpoint.headers, **endpoint.credentials}.items()}
    options: Attributes = {"timeout": endpoint.timeout}
    if endpoint.query or endpoint.oauth:
        message = "HttpHook has no place for a key in the query, nor for OAuth 2.0; leave api out of conn_types."
        raise ConnectionConfigError(message)
    certificate = endpoint.certificate
    if certificate and (certificate.key or certificate.password):
        message = "HttpHook takes a client certificate with its key in one file; or leave api out of conn_types."
        raise ConnectionConfigError(message)
    if certificate:
        options["cert"] = certificate.cert
    taken = HTTP_OPTIONS & {name.lower() for name in headers}
    if taken:
        message = f"field headers: HttpHook takes an entry {', '.join(sorted(taken))} for an option, not for a header."
        raise ConnectionConfigError(message)
    if endpoint.ca_bundle:
        options["verify"] = str(endpoint.ca_bundle)
    if certificate or any(name.lower() != "authorization" for name in endpoint.credentials):
        # requests takes no other header off when it is sent to another host, and shows the certificate there.
        options["max_redirects"] = 0
    return {**dict.fromkeys(SLOTS), "host": endpoint.base_url, "extra": {**headers, **options}}


def _text(header: str | bytes) -> str:
    # requests sends a text as Latin-1, so this arrives byte for byte.
    return header if isinstance(header, str) else header.decode("latin-1")


def _postgres(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """PostgresHook hands each entry of ``extra`` to libpq, which takes whole seconds."""
    model: Any = get_connector(str(connection["family"])).model.parse(connection)
    if not hasattr(model, "parameters_for_others"):
        message = f"A {connection['family']} connection is not one to PostgreSQL; take conn_types {own['conn_type']}."
        raise ConnectionConfigError(message)
    known = {name: value for name, value in model.parameters_for_others().items() if name != "client_encoding"}
    port = known.pop("port", None)
    slots = {slot: known.pop(name, None) for slot, name in _LIBPQ_NAMES.items()}
    known["connect_timeout"] = math.ceil(model.connect_seconds())
    return {**own, **slots, "port": int(port) if port else None, "extra": known}


def _mysql(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """MySqlHook takes the files of TLS in an object, and how to encrypt and verify in ``ssl_mode``."""
    model: Any = get_connector(str(connection["family"])).model.parse(connection)
    if not hasattr(model, "ssl_mode"):
        message = f"A {connection['family']} connection is not one to MySQL; take conn_types {own['conn_type']}."
        raise ConnectionConfigError(message)
    extra: Attributes = {name: connection[name] for name in ("charset", "unix_socket") if connection.get(name)}
    files = {name: path for name in ("ca", "cert", "key") if (path := getattr(model, f"ssl_{name}"))}
    # What its own client does if the mode is not given depends on the library that it was built with.
    extra["ssl_mode"] = model.ssl_mode()
    if model.server_public_key and extra["ssl_mode"] in ("DISABLED", "PREFERRED"):
        message = "field server_public_key: MySqlHook has no place for it, and could take any key; set ssl: true"
        raise ConnectionConfigError(message)
    if model.verified and "ca" not in files:
        # MySQL's library has no authorities of its own.
        files["ca"] = _system_authorities()
    if own["host"] == "localhost" and model.verified != "name":
        # To MySQL's library that is a Unix socket, which any user may have put there; to our client it is TCP.
        own = {**own, "host": "127.0.0.1"}
    return {**own, "extra": {**extra, **({"ssl": files} if files else {})}}


def _system_authorities() -> str:
    paths = ssl.get_default_verify_paths()
    path = next(
        (candidate for candidate in (paths.cafile, paths.openssl_cafile) if candidate and os.path.isfile(candidate)),
        None,
    )
    if path is None:
        message = "field ssl_verify: MySqlHook needs a file of authorities, and this system has none; set ssl_ca"
        raise ConnectionConfigError(message)
    return path


DSN = ("dsn", "pg_dsn")
HARMLESS = ("auth_", "allow_", "client_auth")
"""Names about security that say who is there, or that allow less: without them a client is as safe."""
HTTP_OPTIONS = frozenset(
    {
        *("allow_redirects", "cert", "check_response", "max_redirects", "proxies", "proxy", "srv_lookup"),
        *("stream", "timeout", "trust_env", "verify", "verify_ssl"),
    }
)
_LIBPQ_NAMES = {"host": "host", "login": "user", "password": "password", "schema": "dbname"}

SHAPES: Mapping[str, Callable[[Mapping[str, Any], Attributes], Attributes]] = {
    "http": _http,
    "mysql": _mysql,
    "postgres": _postgres,
}
"""By connection type of the community's providers."""
