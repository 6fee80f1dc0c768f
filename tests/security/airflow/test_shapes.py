"""``conn_types``: what our own client would verify, the client of the other provider verifies, or there is an error."""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import trustme
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from osiris_provider.connectors import get_connector
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.secrets.shapes import SHAPES, attributes_of

from tests.airflow.connections import FAMILIES
from tests.integration.tls import revoked_list
from tests.security.http.rogue import RogueHttp, redirect
from tests.servers.apis.http import HttpServer, Reply, Request

pytestmark = pytest.mark.filterwarnings("ignore:The `airflow.utils.operator_helpers")
KEY = "canary-4711"
SERVER: dict[str, Any] = {"host": "db.example.com", "user": "ann", "password": KEY}

KNOWN_FIELDS = {
    "mysql": {
        "in a slot": {"host", "port", "database", "user", "password"},
        "in extra": {"unix_socket", "charset"},
        "in the mode and the files of TLS": {"ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify"},
        "an error without TLS": {"server_public_key"},
        "left out, it allows less": {"allow_public_key_retrieval", "allow_cleartext_password"},
        "left out, it protects nothing": {"connect_timeout", "read_timeout"},
    },
    "api": {
        "in a slot": {"base_url"},
        "in a header": {"api_key", "token", "user", "password", "auth_header", "auth_scheme", "headers"},
        "an option": {"timeout", "ca_bundle", "ssl_cert"},
        "an error, with the certificate in a file of its own": {"ssl_key", "ssl_key_password"},
        "an error, if the key is in the query": {"api_key_in", "api_key_name"},
        "an error": {"token_url", "client_id", "client_secret", "scope", "token_params", "client_auth"},
        "left out, it protects nothing": {"health_path"},
    },
}
"""What becomes of each field. A new field needs its place here, and a thought about it."""


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """PEM files of an authority, of a client, and of what is revoked."""
    authority = trustme.CA()
    client = authority.issue_cert("client")
    paths = {name: str(tmp_path / f"{name}.pem") for name in ("ssl_ca", "ssl_cert", "ssl_key")}
    authority.cert_pem.write_to_path(paths["ssl_ca"])
    client.cert_chain_pems[0].write_to_path(paths["ssl_cert"])
    client.private_key_pem.write_to_path(paths["ssl_key"])
    paths["revoked"] = str(tmp_path / "revoked.pem")
    Path(paths["revoked"]).write_bytes(revoked_list(authority))
    return paths


@pytest.mark.parametrize("family", KNOWN_FIELDS)
def test_every_field_has_been_thought_of(family: str) -> None:
    declared = {spec.name for spec in get_connector(family).model.fields()}
    assert declared == set().union(*KNOWN_FIELDS[family].values())


def test_mysql_is_encrypted_and_verified_as_by_our_own_client(files: dict[str, str]) -> None:
    """All combinations of the fields that decide; our own client's context says what it verifies."""
    tried = 0
    choices: list[list[dict[str, Any]]] = [
        [{}, {"ssl": True}, {"ssl": False}],
        [{}, {"ssl_verify": False}, {"ssl_verify": True}, {"ssl_verify": "ca"}],
        [{}, {"ssl_ca": files["ssl_ca"]}],
        [{}, {"ssl_cert": files["ssl_cert"], "ssl_key": files["ssl_key"]}],
        [{}, {"unix_socket": "/run/mysqld.sock", "host": None}],
    ]
    for parts in itertools.product(*choices):
        fields: dict[str, Any] = dict(SERVER)
        for part in parts:
            fields |= part
        try:
            model: Any = get_connector("mysql").model.parse(fields)
        except ConnectionConfigError:
            continue
        tried += 1
        extra = attributes_of({"family": "mysql", "alias": "x", **fields}, "mysql")["extra"]
        assert extra["ssl_mode"] == _mode(model.context(), required=bool(model.tls)), fields
        assert extra.get("ssl", {}).get("cert") == fields.get("ssl_cert")
        assert extra.get("ssl", {}).get("key") == fields.get("ssl_key")
        if extra["ssl_mode"].startswith("VERIFY"):
            assert extra["ssl"]["ca"] == fields.get("ssl_ca", extra["ssl"]["ca"])
            assert Path(extra["ssl"]["ca"]).is_file()
    assert tried > 20


def _mode(context: ssl.SSLContext | None, *, required: bool) -> str:
    if context is None:
        return "DISABLED"
    if context.verify_mode == ssl.CERT_REQUIRED:
        return "VERIFY_IDENTITY" if context.check_hostname else "VERIFY_CA"
    return "REQUIRED" if required else "PREFERRED"


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({}, "127.0.0.1"),
        ({"ssl": True}, "127.0.0.1"),
        ({"host": "db.example.com"}, "db.example.com"),
        # The certificate is of that name, and a socket without TLS is refused.
        ({"ssl_verify": True}, "localhost"),
        ({"host": None, "unix_socket": "/run/mysqld.sock"}, None),
    ],
)
def test_mysql_on_this_machine_is_no_socket_that_was_not_asked_for(fields: dict[str, Any], host: str | None) -> None:
    connection = {"family": "mysql", "alias": "x", **SERVER, "host": "localhost", **fields}
    attributes = attributes_of(connection, "mysql")
    assert attributes["host"] == host
    assert attributes["extra"].get("unix_socket") == fields.get("unix_socket")


@pytest.mark.parametrize("tls", [{}, {"ssl": False}])
def test_mysql_with_a_known_key_is_an_error_on_a_line_that_may_be_plain(tls: dict[str, Any]) -> None:
    fields = {"family": "mysql", "alias": "x", **SERVER, **tls, "server_public_key": "/etc/key.pem"}
    with pytest.raises(ConnectionConfigError, match="field server_public_key"):
        attributes_of(fields, "mysql")
    assert attributes_of({**fields, "ssl": True}, "mysql")["extra"]["ssl_mode"] == "REQUIRED"


def test_postgres_hands_every_field_to_libpq(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.models import Connection

    given: list[dict[str, Any]] = []
    monkeypatch.setattr(PostgresHook, "_create_connection", lambda _, arguments: given.append(arguments))
    base = {"family": "postgres", "alias": "x", **SERVER}
    model = get_connector("postgres").model
    specs = [spec for spec in model.fields() if spec.name not in (*base, "dsn", "connect_timeout")]
    for spec in specs:
        value = _value(spec, files)
        fields = {**base, spec.name: value}
        if spec.name in ("sslkey", "sslpassword"):
            fields["sslcert"] = files["ssl_cert"]
        if spec.name == "sslnegotiation":
            fields["sslmode"] = "require"
        attributes = attributes_of(fields, "postgres")
        assert not {"host", "port", "user", "password", "dbname"} & attributes["extra"].keys(), "it is in its own slot"
        attributes["extra"] = json.dumps(attributes["extra"])
        connection = Connection(conn_id="x", **attributes)  # noqa: AIR311 - as backends make it
        PostgresHook(connection=connection).get_conn()
        expected = {**model.parse(fields).parameters_for_others()}
        got = {name: str(value) for name, value in given.pop().items() if value is not None}
        expected.pop("client_encoding", None)
        got.pop("connect_timeout")
        assert got == {name: str(text) for name, text in expected.items()}, spec.name
        assert {"database": "dbname"}.get(spec.name, spec.name) in got


def _value(spec: Any, files: Mapping[str, str]) -> Any:
    if spec.choices:
        return spec.choices[-1] if spec.name != "sslmode" else "require"
    known = {"sslrootcert": "ssl_ca", "sslcert": "ssl_cert", "sslkey": "ssl_key", "sslcrl": "revoked"}
    if spec.name in known:
        return files[known[spec.name]]
    by_name = {"require_auth": "scram-sha-256", "ssl_min_protocol_version": "TLSv1.3"}
    if spec.name in by_name:
        return by_name[spec.name]
    return "text" if spec.is_scalar else 1


class Secured(HttpServer):
    """Answers everybody, over TLS."""

    def answer(self, request: Request) -> Reply:  # noqa: ARG002 - the same to all
        return Reply.of_json([])


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[HttpServer, str]]:
    """A server with a certificate of a private authority, and that authority's file."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "private.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Secured(context) as server:
        yield server, str(bundle)


def _hook(connection: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> HttpHook:
    attributes = attributes_of({"family": "api", "alias": "x", **connection}, "http")
    monkeypatch.setenv("AIRFLOW_CONN_SHAPED", json.dumps(attributes))
    return HttpHook("GET", http_conn_id="shaped")


def test_http_verifies_as_our_own_client_does(secured: tuple[HttpServer, str], monkeypatch: pytest.MonkeyPatch) -> None:
    server, bundle = secured
    fields = {"base_url": server.origin, "token": KEY}
    for trusted in (False, True):
        connection = {**fields, "ca_bundle": bundle} if trusted else fields
        ok, verdict = get_connector("api").doctor({**connection, "health_path": "me"}, 10)
        assert (verdict["details"].get("fault") == "credentials_not_checked") == trusted, (ok, verdict)
        if trusted:
            assert _hook(connection, monkeypatch).run("things").status_code == 200
        else:
            with pytest.raises(requests.exceptions.SSLError):
                _hook(connection, monkeypatch).run("things")
            assert not server.requests


def test_http_shows_the_certificate_and_to_its_server_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    client = authority.issue_cert("client.example.com")
    bundle, both = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(bundle))
    client.private_key_and_cert_chain_pem.write_to_path(str(both))
    with Secured(context) as server:
        fields = {"base_url": server.origin, "ca_bundle": str(bundle), "ssl_cert": str(both)}
        assert _hook(fields, monkeypatch).run("things").status_code == 200
        assert attributes_of({"family": "api", "alias": "x", **fields}, "http")["extra"]["max_redirects"] == 0
        for name in ("ssl_key", "ssl_key_password"):
            with pytest.raises(ConnectionConfigError, match="with its key in one file"):
                _hook({**fields, name: str(both)}, monkeypatch)


@pytest.mark.parametrize("credentials", [{"api_key": KEY}, {"token": KEY}, {"headers": {"X-Secret": KEY}}])
def test_http_takes_no_credential_to_another_host(credentials: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests takes Authorization off, and no other header."""
    with RogueHttp() as other, RogueHttp(lambda _: redirect(f"{other.origin}/stolen")) as first:
        base = first.origin.replace("127.0.0.1", "localhost")
        hook = _hook({"base_url": base, **credentials}, monkeypatch)
        if "token" in credentials:
            hook.run("things")
        else:
            with pytest.raises(requests.exceptions.TooManyRedirects):
                hook.run("things")
        assert KEY in first.received
        assert KEY not in other.received


@pytest.mark.parametrize(
    "login",
    [
        {"api_key": KEY, "api_key_in": "query", "api_key_name": "key"},
        {"token_url": "https://login.example.com/token", "client_id": "osiris", "client_secret": KEY},
    ],
)
def test_http_is_not_left_without_a_credential(login: dict[str, str]) -> None:
    fields = {"family": "api", "alias": "x", "base_url": "https://api.example.com", **login}
    with pytest.raises(ConnectionConfigError, match="HttpHook has no place"):
        attributes_of(fields, "http")


# What HttpHook takes out of the extras: all that is left is sent as headers.
HTTP_OPTIONS = (
    *("allow_redirects", "cert", "check_response", "max_redirects", "proxies", "proxy", "srv_lookup"),
    *("stream", "timeout", "trust_env", "verify", "verify_ssl"),
)


@pytest.mark.parametrize("name", HTTP_OPTIONS)
def test_http_takes_no_header_for_an_option(name: str) -> None:
    """A header ``verify_ssl`` without a value would be a connection that verifies nothing."""
    fields = {"family": "api", "alias": "x", "base_url": "https://api.example.com", "headers": {name: "0"}}
    with pytest.raises(ConnectionConfigError, match=f"field headers: HttpHook takes an entry {name}"):
        attributes_of(fields, "http")


@pytest.mark.parametrize("kind", ["cafile", "openssl_cafile"])
def test_mysql_gets_the_systems_authorities_or_says_that_there_are_none(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorities = tmp_path / "ca.pem"
    paths = {"cafile": None, "openssl_cafile": "/nowhere", kind: str(authorities)}
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(**paths))
    fields = {"family": "mysql", "alias": "x", "host": "db", "user": "u", "ssl_verify": True}
    with pytest.raises(ConnectionConfigError, match="this system has none; set ssl_ca"):
        attributes_of(fields, "mysql")
    authorities.write_text("")
    assert attributes_of(fields, "mysql")["extra"]["ssl"] == {"ca": str(authorities)}


PROTECTING: dict[str, dict[str, Any]] = {
    "mysql": {"ssl_ca": "/etc/ca.pem", "ssl": True, "ssl_verify": True, "server_public_key": "/etc/key.pem"},
    "postgres": {"sslmode": "verify-full", "require_auth": "scram-sha-256", "sslrootcert": "/etc/ca.pem"},
    "api": {"ca_bundle": "/etc/ca.pem"},
    "shopify": {"ca_bundle": "/etc/ca.pem"},
    "supabase": {"ca_bundle": "/etc/ca.pem", "pg_dsn": "postgresql://u:p@db/shop?sslmode=verify-full"},
}
SAME = [(family, name) for family, fields in PROTECTING.items() for name in fields]


@pytest.mark.parametrize(("family", "name"), SAME)
def test_a_type_that_nobody_knows_gets_nothing_that_it_would_not_honour(family: str, name: str) -> None:
    plain = {"family": family, "alias": "x", "host": "db.example.com"}
    assert attributes_of(plain, "company_type")["conn_type"] == "company_type"
    with pytest.raises(ConnectionConfigError, match=f"takes {name}: its client could connect unprotected"):
        attributes_of({**plain, name: PROTECTING[family][name]}, "company_type")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_does_not_fit_a_type_is_told(family: str) -> None:
    fits = {"http": {"api", "shopify", "supabase"}, "mysql": {"mysql"}, "postgres": {"postgres"}}
    fields: dict[str, Any] = {
        "mysql": SERVER,
        "postgres": SERVER,
        "api": {"base_url": "https://api.example.com"},
        "shopify": {"shop_domain": "x.myshopify.com", "access_token": KEY},
        "supabase": {"url": "https://x.supabase.co", "anon_key": KEY},
        "duckdb": {"path": ":memory:"},
    }
    for conn_type in SHAPES:
        connection = {"family": family, "alias": "x", **fields[family]}
        if family in fits[conn_type]:
            assert attributes_of(connection, conn_type)["conn_type"] == conn_type
        else:
            with pytest.raises(ConnectionConfigError, match=f"take conn_types osiris_{family}"):
                attributes_of(connection, conn_type)
