"""What expires of connections that are checked by their hooks is in their report, as of any other connection."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.check_many import prepare
from osiris_provider.hook_doctor import HookConnection
from osiris_provider.hook_doctor.processes import servers

from tests.faults.sql import chain
from tests.hooks.case import PASSWORD
from tests.hooks.held_back.test_common_lines import TLS as IMAPS
from tests.hooks.servers.http_apis import API, Answer, databricks, elasticsearch, kubernetes
from tests.hooks.servers.imitated_databases import LOGIN, SERVICE, to_mongo, to_snowflake, to_trino
from tests.hooks.servers.mongo import MongoServer
from tests.hooks.servers.oracle import OracleServer
from tests.hooks.servers.real import imap, smtp
from tests.hooks.servers.sql_apis import snowflake, trino
from tests.hooks.servers.tcp import Imitation
from tests.servers.process import HOST, free_port
from tests.servers.redis import RedisServer

MAX_WAIT = 60.0
EXPIRES = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=9, hours=12)
CLIENT_EXPIRES = EXPIRES - timedelta(days=5)
OTHER_EXPIRES = EXPIRES + timedelta(days=3)


class Files:
    """An authority, a server's certificate and a client's, which expire soon."""

    def __init__(self, directory: Path) -> None:
        self.authority = trustme.CA()
        self.server = self.authority.issue_cert(HOST, "localhost", not_after=EXPIRES)
        self.other = self.authority.issue_cert("localhost", not_after=OTHER_EXPIRES)
        client = self.authority.issue_cert("client", not_after=CLIENT_EXPIRES)
        self.paths = {name: str(directory / f"{name}.pem") for name in ("ca", "server", "server_key", "client", "key")}
        contents = {
            "ca": self.authority.cert_pem.bytes(),
            "server": chain(self.server),
            "server_key": self.server.private_key_pem.bytes(),
            "client": chain(client),
            "key": client.private_key_pem.bytes(),
        }
        for name, content in contents.items():
            Path(self.paths[name]).write_bytes(content)

    def context(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """Return what a server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (certificate or self.server).configure_cert(context)
        return context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """Have checks believe the authority of the certificates."""
    files = Files(tmp_path_factory.mktemp("certificates"))
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            patch.setenv(variable, files.paths["ca"])
        servers().close()
        yield files
    servers().close()


def report_of(connection: HookConnection, seconds: float = MAX_WAIT) -> Mapping[str, Any]:
    """Check a connection as users do."""
    slots = ("conn_type", "host", "login", "password", "port", "schema")
    given = {name: value for name in slots if (value := getattr(connection, name)) is not None}
    resolved = {"family": "airflow", "alias": connection.conn_id, **given, "extra": dict(connection.extra)}
    connector = get_connector("airflow")
    prepare([(connector, resolved)])
    _, report = connector.doctor(resolved, seconds)
    assert PASSWORD not in str(report)
    return report


def expires(connection: HookConnection) -> list[tuple[str, datetime]]:
    """Check a connection that is healthy, and return what its report says about expiries."""
    report = report_of(connection)
    assert report["category"] == "ok", report
    entries = report["details"].get("expires", [])
    for entry in entries:
        left = datetime.fromisoformat(entry["at"]) - datetime.now(timezone.utc)
        assert entry["days_left"] == left.days
        assert sorted(entry) == ["at", "days_left", "what"]
    return [(entry["what"], datetime.fromisoformat(entry["at"])) for entry in entries]


def of(address: str) -> tuple[str, datetime]:
    return f"TLS certificate of {address}", EXPIRES


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_redis_tells_when_the_certificates_of_both_sides_expire(files: Files, host: str) -> None:
    port, named = free_port(), {"ca-cert": "ca", "cert": "server", "key": "server_key"}
    paths = {f"tls-{option}-file": files.paths[name] for option, name in named.items()}
    with RedisServer({"tls-port": port, "tls-auth-clients": "optional", **paths}) as server:
        tls = {"ssl": True, "ssl_ca_certs": files.paths["ca"], "ssl_check_hostname": True}
        plain = HookConnection("kv", "redis", host, None, server.password, server.port)
        assert expires(plain) == []
        given = ("kv", "redis", host, None, server.password, port, None)
        assert expires(HookConnection(*given, tls)) == [of(f"{host}:{port}")]
        unverified = {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False}
        assert expires(HookConnection(*given, unverified)) == [of(f"{host}:{port}")]
        own = {"ssl_certfile": files.paths["client"], "ssl_keyfile": files.paths["key"]}
        assert expires(HookConnection(*given, {**tls, **own})) == [
            ("client certificate", CLIENT_EXPIRES),
            of(f"{host}:{port}"),
        ]


def test_imap_tells_when_the_certificate_of_its_server_expires(files: Files) -> None:
    shown = {"server.pem": chain(files.server), "server.key": files.server.private_key_pem.bytes()}
    with imap(IMAPS, files=shown) as served:
        known = served.connection
        given = ("mail", "imap", HOST, known.login, known.password, known.port, None)
        assert expires(HookConnection(*given, {"use_ssl": True})) == [of(f"{HOST}:{known.port}")]


def test_smtp_tells_it_of_a_line_that_is_encrypted_later(files: Files) -> None:
    with smtp(chain(files.server) + files.server.private_key_pem.bytes()) as served:
        known = served.connection
        given = ("mail", "smtp", HOST, known.login, known.password, known.port, None)
        assert expires(HookConnection(*given, {"disable_ssl": True})) == [of(f"{HOST}:{known.port}")]


def _elasticsearch(files: Files, port: int) -> HookConnection:
    return HookConnection(
        "es", "elasticsearch", HOST, "loader", PASSWORD, port, "https", {"ca_certs": files.paths["ca"]}
    )


def _snowflake(_: Files, port: int) -> HookConnection:
    # A name is what TLS is asked for, an address is not.
    return to_snowflake("localhost", port)


@pytest.mark.parametrize(
    ("answer", "connect", "address"),
    [(elasticsearch, _elasticsearch, ""), (snowflake, _snowflake, "the server of connection sf")],
    ids=["urllib3", "pyOpenSSL"],
)
def test_libraries_over_http_tell_it(
    answer: Callable[..., Answer], connect: Callable[[Files, int], HookConnection], address: str, files: Files
) -> None:
    with API(answer, files.context()) as api:
        assert expires(connect(files, api.port)) == [of(address or f"{HOST}:{api.port}")]


def _mongo(files: Files, port: int) -> HookConnection:
    plain = to_mongo(HOST, port)
    return replace(plain, extra={**plain.extra, "tls": True, "tlsCAFile": files.paths["ca"]})


def _oracle(_: Files, port: int) -> HookConnection:
    dsn = f"tcps://{HOST}:{port}/{SERVICE}?ssl_server_dn_match=off"
    return HookConnection("erp", "oracle", HOST, LOGIN, PASSWORD, port, None, {"dsn": dsn})


@pytest.mark.parametrize(
    ("server", "connect"),
    [(MongoServer(PASSWORD), _mongo), (OracleServer(LOGIN, PASSWORD, SERVICE), _oracle)],
    ids=["mongo", "oracle"],
)
def test_databases_tell_it(server: Imitation, connect: Callable[[Files, int], HookConnection], files: Files) -> None:
    with server.encrypted(files.context()):
        assert expires(connect(files, server.port)) == [of(f"{HOST}:{server.port}")]


def _token() -> str:
    parts = ({"alg": "none"}, {"exp": OTHER_EXPIRES.timestamp()})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{'.'.join(encoded)}.c2ln"


TOKEN = _token()


def _bearing(answer: Callable[..., Answer], path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Answer who bears the token as an imitation does who bears its password."""
    name = next((name for name in headers if name.lower() == "authorization"), "")
    known = headers.get(name) == f"Bearer {TOKEN}"
    return answer(path, {"Authorization": f"Bearer {PASSWORD}"} if known else headers, body)


def _databricks(port: int) -> HookConnection:
    return HookConnection("dbx", "databricks", HOST, None, None, port, "http", {"token": TOKEN})


def _kubernetes(port: int) -> HookConnection:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": f"http://{HOST}:{port}"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    return HookConnection("k8s", "kubernetes", extra={"kube_config": json.dumps(config)})


@pytest.mark.parametrize(
    ("answer", "connect", "field"),
    [(databricks, _databricks, "extra.token"), (kubernetes, _kubernetes, "extra.kube_config")],
    ids=["databricks", "kubernetes"],
)
def test_the_end_of_a_token_is_read_from_the_connection(
    answer: Callable[..., Answer], connect: Callable[[int], HookConnection], field: str
) -> None:
    with API(partial(_bearing, answer)) as api:
        assert expires(connect(api.port)) == [(f"token in field {field}", OTHER_EXPIRES)]


@contextmanager
def trino_elsewhere(files: Files) -> Iterator[int]:
    """Yield the port of a Trino whose results are with another server."""

    def moved(port: int, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        status, said, *more = trino(path, headers, body)
        text = json.dumps(said).replace(f"https://{headers['Host']}/v1", f"https://localhost:{port}/v1")
        return (status, json.loads(text), *more)

    with API(trino, files.context(files.other)) as other, API(partial(moved, other.port), files.context()) as api:
        yield api.port


def test_another_server_that_the_library_talks_to_has_its_own(files: Files) -> None:
    with trino_elsewhere(files) as port:
        assert expires(to_trino(HOST, port)) == [
            of(f"{HOST}:{port}"),
            ("TLS certificate of another server of connection sql", OTHER_EXPIRES),
        ]
