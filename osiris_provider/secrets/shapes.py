"""Connections of the file as the connection types of other providers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from osiris_provider.connectors.airflow_form import SLOTS, to_airflow
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError

Attributes = dict[str, Any]


def attributes_of(connection: Mapping[str, Any], conn_type: str | None) -> Attributes:
    """Return a resolved connection as the attributes of an Airflow connection.

    :param connection: a resolved connection.
    :param conn_type: type of another provider; None: the family's own.
    :raises ConnectionConfigError: the connection cannot be put into that type.
    """
    own = to_airflow(str(connection["family"]), connection)
    if conn_type is None:
        return own
    shape = SHAPES.get(conn_type)
    # Types that are not known here get the same fields under their own names.
    return {**(shape(connection, own) if shape else own), "conn_type": conn_type}


def _http(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """HttpHook sends each entry of ``extra`` that it has no other use for as a header."""
    model = get_connector(str(connection["family"])).model.parse(connection)
    if not hasattr(model, "endpoint"):
        message = f"A {connection['family']} connection is not spoken to over HTTP; take conn_types {own['conn_type']}."
        raise ConnectionConfigError(message)
    endpoint = model.endpoint()
    headers = {name: _text(value) for name, value in {**endpoint.headers, **endpoint.credentials}.items()}
    options: Attributes = {"timeout": endpoint.timeout}
    if endpoint.ca_bundle:
        options["verify"] = str(endpoint.ca_bundle)
    return {**dict.fromkeys(SLOTS), "host": endpoint.base_url, "extra": {**headers, **options}}


def _text(header: str | bytes) -> str:
    # requests sends a text as Latin-1, so this arrives byte for byte.
    return header if isinstance(header, str) else header.decode("latin-1")


def _postgres(connection: Mapping[str, Any], own: Attributes) -> Attributes:
    """PostgresHook hands each entry of ``extra`` to libpq, which takes whole seconds."""
    model: Any = get_connector(str(connection["family"])).model.parse(connection)
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
    return {**own, "extra": {**extra, **({"ssl": files} if files else {})}}


_LIBPQ_NAMES = {"host": "host", "login": "user", "password": "password", "schema": "dbname"}

SHAPES: Mapping[str, Callable[[Mapping[str, Any], Attributes], Attributes]] = {
    "http": _http,
    "mysql": _mysql,
    "postgres": _postgres,
}
"""By connection type of the community's providers."""
