"""A client certificate that a server wants and does not get, or gets and refuses: real servers, TLS 1.2 and 1.3.

With TLS 1.3 a server says so only after the client's handshake. Whether the client has written by then is a matter of
microseconds; the verdict is not.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import requests
from osiris_provider.connectors import get_connector

from tests.faults.sql import CERTIFICATE, KEY, Certificates
from tests.integration.tls import client_files
from tests.servers import MariaDBServer, PostgresServer
from tests.servers.apis.fake_api import FakeApi

Fields = dict[str, Any]

TIMES = 4
"""As often as a check is made that must say the same each time."""
WANTED = ("auth", "client_certificate_required")
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
REFUSED = ("of another authority", "expired", "not valid yet")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def mariadb(certificates: Certificates, version: str) -> Iterator[MariaDBServer]:
    files = {**certificates.files(), "ca.pem": certificates.trusted.read_bytes()}
    options = [f"--ssl-cert={CERTIFICATE}", f"--ssl-key={KEY}", "--ssl-ca=ca.pem", f"--tls-version={version}"]
    with MariaDBServer(options, files) as running:
        with closing(running.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER certified@'%' IDENTIFIED BY 'right' REQUIRE X509")
        yield running


@pytest.fixture(scope="module")
def postgres(certificates: Certificates, version: str) -> Iterator[PostgresServer]:
    conf = {
        "ssl": "on",
        "ssl_cert_file": CERTIFICATE,
        "ssl_key_file": KEY,
        "ssl_ca_file": "ca.pem",
        "ssl_min_protocol_version": version,
        "ssl_max_protocol_version": version,
    }
    hba = ["hostssl all certified 127.0.0.1/32 scram-sha-256 clientcert=verify-full", "host all certified all reject"]
    files = {**certificates.files(), "ca.pem": certificates.trusted.read_bytes()}
    with PostgresServer(conf, hba, files) as running:
        with closing(running.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE ROLE certified LOGIN PASSWORD 'right'")
        yield running


@pytest.fixture
def to_mysql(mariadb: MariaDBServer) -> Fields:
    return {
        **asdict(mariadb.app),
        "family": "mysql",
        "alias": "test",
        "user": "certified",
        "password": "right",
        "database": None,
        "ssl": True,
    }


@pytest.fixture
def to_postgres(postgres: PostgresServer) -> Fields:
    return {
        **asdict(postgres.app),
        "family": "postgres",
        "alias": "test",
        "user": "certified",
        "password": "right",
        "database": "postgres",
        "sslmode": "require",
    }


def verdicts(connection: Fields, times: int = TIMES) -> set[tuple[str, str]]:
    """Return what several checks say of a connection: each category, with its fault."""
    connector = get_connector(connection["family"])
    said = (connector.doctor(connection, 10)[1] for _ in range(times))
    return {(one["category"], one["details"].get("fault", "")) for one in said}


APIS: dict[str, Fields] = {
    "api": {"health_path": "me", "token": "t0k3n"},
    "api, a token to fetch": {"health_path": "me", "client_id": "us", "client_secret": "s3cret"},
    "shopify": {"access_token": "t0k3n"},
    "supabase": {"service_role_key": "t0k3n"},
}


@pytest.mark.parametrize("situation", APIS)
def test_an_api_that_wants_a_certificate(situation: str, certificates: Certificates, version: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    certificates.good.configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.trusted)
    family = situation.partition(",")[0]
    with FakeApi(tls=context) as server:
        origin = server.origin.replace("127.0.0.1", "localhost")
        where = {"api": "base_url", "shopify": "shop_domain", "supabase": "url"}[family]
        connection = {"family": family, "alias": "test", where: origin, **APIS[situation]}
        if "client_id" in connection:
            connection["token_url"] = f"{origin}/token"
        connection["ca_bundle"] = str(certificates.trusted)
        assert verdicts(connection) == {WANTED}
        assert "Family api has ssl_cert and ssl_key" in get_connector(family).doctor(connection, 10)[1]["message"]


@contextmanager
def certified_api(certificates: Certificates, version: str) -> Iterator[Fields]:
    """Yield a connection, without a certificate, to an API that talks to those only who have one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    certificates.good.configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.trusted)
    with FakeApi({"authorization": b"Bearer right"}, tls=context) as server:
        origin = server.origin.replace("127.0.0.1", "localhost")
        connection = {"family": "api", "alias": "test", "base_url": f"{origin}/v1", **APIS["api"]}
        yield {**connection, "token": "right", "ca_bundle": str(certificates.trusted)}


def test_an_api_accepts_a_certificate(certificates: Certificates, version: str, tmp_path: Path) -> None:
    files = client_files(certificates, tmp_path, "ssl_cert", "ssl_key")
    with certified_api(certificates, version) as connection:
        assert verdicts({**connection, **files}) == {("ok", "")}


@pytest.mark.parametrize("which", REFUSED)
def test_an_api_refuses_a_certificate(which: str, certificates: Certificates, version: str, tmp_path: Path) -> None:
    files = client_files(certificates, tmp_path, "ssl_cert", "ssl_key", which)
    with certified_api(certificates, version) as connection:
        assert verdicts({**connection, **files}) == {WANTED}


def test_another_server_does_not_see_the_certificate(certificates: Certificates, version: str, tmp_path: Path) -> None:
    """A next page or a URL of the caller may lead to one that asks for certificates, too."""
    files = client_files(certificates, tmp_path, "ssl_cert", "ssl_key")
    with (
        certified_api(certificates, version) as connection,
        certified_api(certificates, version) as other,
        get_connector("api").create_client({**connection, **files}) as session,
    ):
        assert session.get("me").ok
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(f"{other['base_url']}/me")


def test_mysql_without_a_certificate(to_mysql: Fields) -> None:
    assert verdicts(to_mysql) == {("auth", "wrong_password")}


@pytest.mark.parametrize("which", REFUSED)
def test_mysql_refuses_a_certificate(which: str, to_mysql: Fields, certificates: Certificates, tmp_path: Path) -> None:
    files = client_files(certificates, tmp_path, "ssl_cert", "ssl_key", which)
    assert verdicts({**to_mysql, **files}) == {WANTED}


def test_mysql_accepts_a_certificate(to_mysql: Fields, certificates: Certificates, tmp_path: Path) -> None:
    assert verdicts({**to_mysql, **client_files(certificates, tmp_path, "ssl_cert", "ssl_key")}) == {("ok", "")}


def test_postgres_without_a_certificate(to_postgres: Fields) -> None:
    assert verdicts(to_postgres) == {("auth", "login_denied")}


@pytest.mark.parametrize("mode", ["require", "prefer"])
@pytest.mark.parametrize("which", REFUSED)
def test_postgres_refuses_a_certificate(
    which: str, mode: str, to_postgres: Fields, certificates: Certificates, tmp_path: Path
) -> None:
    files = client_files(certificates, tmp_path, "sslcert", "sslkey", which)
    assert verdicts({**to_postgres, "sslmode": mode, **files}) == {WANTED}


@pytest.mark.skipif(os.getuid() != 0, reason="only root has files of root")
def test_postgres_takes_a_key_of_root_that_its_group_may_read(
    to_postgres: Fields, certificates: Certificates, tmp_path: Path
) -> None:
    """As Kubernetes mounts it with ``fsGroup``; what is wrong is the certificate."""
    files = client_files(certificates, tmp_path, "sslcert", "sslkey", "expired")
    Path(files["sslkey"]).chmod(0o640)
    assert verdicts({**to_postgres, **files}, times=1) == {WANTED}
    files = client_files(certificates, tmp_path, "sslcert", "sslkey")
    Path(files["sslkey"]).chmod(0o640)
    assert verdicts({**to_postgres, **files}, times=1) == {("ok", "")}
    Path(files["sslkey"]).chmod(0o660)
    assert verdicts({**to_postgres, **files}, times=1) == {("unknown", "misconfigured")}


def test_postgres_refuses_a_certificate_for_another_name(
    to_postgres: Fields, certificates: Certificates, tmp_path: Path
) -> None:
    files = client_files(certificates, tmp_path, "sslcert", "sslkey", "for another name")
    assert verdicts({**to_postgres, **files}) == {("auth", "wrong_password")}


def test_postgres_accepts_a_certificate(to_postgres: Fields, certificates: Certificates, tmp_path: Path) -> None:
    assert verdicts({**to_postgres, **client_files(certificates, tmp_path, "sslcert", "sslkey")}) == {("ok", "")}
