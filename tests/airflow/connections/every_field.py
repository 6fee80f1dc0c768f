"""A connection of each family with every field, for tests that walk all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from osiris_provider.connectors import get_connector
from osiris_provider.provider_info import HOOKS

FAMILIES = tuple(HOOKS)

SECRETS = {
    "mysql": "password",
    "postgres": "password",
    "api": "token",
    "shopify": "access_token",
    "supabase": "service_role_key",
}
"""The families that ask who is there, and the field that says so."""

EVERY_FIELD: dict[str, list[dict[str, Any]]] = {
    "mysql": [
        {
            "host": "db.example.com",
            "port": 3307,
            "database": "shop",
            "user": "ann",
            "password": "p@ss:w/o#r%d?&'\"+ ünïcødé €",
            "charset": "latin1",
            "ssl": True,
            "ssl_ca": "/etc/ca.pem",
            "ssl_cert": "/etc/cert.pem",
            "ssl_key": "/etc/key.pem",
            "ssl_verify": True,
            "connect_timeout": 3.5,
            "read_timeout": 60.0,
        },
        {
            "unix_socket": "/run/mysqld/mysqld.sock",
            "user": "ann",
            "password": "s3cret",
            "ssl_ca": "/etc/ca.pem",
            "ssl_verify": "ca",
        },
        {
            "host": "db.example.com",
            "user": "ann",
            "password": "s3cret",
            "ssl": False,
            "server_public_key": "/etc/key.pem",
            "allow_public_key_retrieval": True,
            "allow_cleartext_password": True,
        },
    ],
    "postgres": [
        {
            "host": "db.example.com",
            "port": 5433,
            "database": "shop",
            "user": "ann",
            "password": "p@ss:w/o#r%d?&'\"+ ünïcødé €",
            "sslmode": "verify-full",
            "sslrootcert": "/etc/ca.pem",
            "sslcert": "/etc/cert.pem",
            "sslkey": "/etc/key.pem",
            "sslpassword": "p@ss",
            "sslcrl": "/etc/crl.pem",
            "sslcrldir": "/etc/crls",
            "ssl_min_protocol_version": "TLSv1.2",
            "ssl_max_protocol_version": "TLSv1.3",
            "sslnegotiation": "postgres",
            "channel_binding": "require",
            "require_auth": "scram-sha-256",
            "gssencmode": "disable",
            "krbsrvname": "postgres",
            "requirepeer": "postgres",
            "target_session_attrs": "read-write",
            "keepalives": True,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30000,
            "application_name": "tests",
            "options": "-c search_path=x",
            "connect_timeout": 3.5,
        },
        {"dsn": "postgresql://ann:s%20cret@db.example.com/shop"},
    ],
    "supabase": [
        {
            "url": "https://abc123.supabase.co",
            "service_role_key": "header.payload.signature",
            "api_version": "v1",
            "schema": "public",
            "timeout": 12.5,
            "ca_bundle": "/etc/ca.pem",
        },
        {"url": "https://abc123.supabase.co", "anon_key": "header.payload.anon"},
        {
            "url": "https://abc123.supabase.co",
            "pg_dsn": "postgresql://ann:s%20cret@db.example.com/shop",
            "schema": "public",
        },
    ],
    "shopify": [
        {
            "shop_domain": "mystore.myshopify.com",
            "access_token": "shpat_0123",
            "api_version": "2026-10",
            "timeout": 12.5,
            "ca_bundle": "/etc/ca.pem",
        },
    ],
    "api": [
        {
            "base_url": "https://Api.example.com:8443/V1",
            "token": "abc.def",
            "auth_header": "X-Auth",
            "auth_scheme": "Token",
            "headers": {"X-Tenant": "t 1", "X-Other": "ü"},
            "health_path": "/health",
            "timeout": 12.5,
            "ca_bundle": "/etc/ca.pem",
            "ssl_cert": "/etc/client.pem",
            "ssl_key": "/etc/client.key",
            "ssl_key_password": "of the key",
        },
        {"base_url": "https://api.example.com", "user": "ann", "password": "p@ss:w/o#r%d?&"},
        {"base_url": "https://api.example.com", "api_key": "123"},
        {"base_url": "https://api.example.com", "api_key": "123", "api_key_in": "query", "api_key_name": "key"},
        {
            "base_url": "https://api.example.com",
            "token_url": "https://login.example.com/oauth/token",
            "client_id": "me",
            "client_secret": "p@ss:w/o#r%d?&",
            "client_auth": "body",
            "scope": "read write",
            "token_params": {"audience": "https://api.example.com"},
        },
    ],
    "duckdb": [
        {"path": "/data/Ware House.duckdb", "read_only": True, "memory": "2GB", "threads": 4, "lock_timeout": 1.5},
        {"path": "/data/other.duckdb", "external_access": True, "temp_directory": "/data/Spill"},
    ],
}
"""Of each family: connections that together give every field, without family and alias."""

HOSTILE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)


@st.composite
def some_connection(draw: st.DrawFn, family: str) -> dict[str, Any]:
    """A connection with some of the fields, and with any text for its secrets."""
    connector = get_connector(family)
    declared = connector.declared()
    example = draw(st.sampled_from(EVERY_FIELD[family]))
    dropped = draw(st.sets(st.sampled_from([name for name in example if not declared[name].required] or [""])))
    fields = {name: value for name, value in example.items() if name not in dropped}
    secrets = [name for name, value in fields.items() if declared[name].secret and isinstance(value, str)]
    fields.update({name: draw(st.just(fields[name]) | HOSTILE) for name in secrets})
    _, problems, _ = connector.coerce(fields)
    return {"family": family, "alias": "default", **(example if problems else fields)}


def kept_by_a_uri(connection: Mapping[str, Any]) -> bool:
    """Return whether Airflow's URI form keeps all texts: on reading it, ``null`` is nothing and ``1e3`` is 1000.

    :param connection: resolved.
    """

    def kept(text: str) -> bool:
        try:
            read = json.loads(text)
        except ValueError:
            return True
        return read is not None and not isinstance(read, str) and json.dumps(read) == text

    return all(kept(value) for value in connection.values() if isinstance(value, str))
