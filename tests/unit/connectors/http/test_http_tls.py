"""Whom the HTTP client trusts, what is wrong with its files of TLS, and whether a server speaks TLS at all."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.connectors.http import tls
from osiris_provider.connectors.http.tls import certified, shake_hands, trusting
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.tls import DeadlineContext

from tests.faults.peers import Manner, Peer, closed_port, hang_up, say, silent
from tests.faults.sql import Certificates
from tests.integration.tls import client_files
from tests.security.http.rogue import RogueHttp

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLES, *PROXIES, *map(str.lower, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def authorities(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


@pytest.fixture
def public() -> int:
    """How many authorities the system trusts."""
    return authorities(trusting(None))


def test_authorities_are_added_to_those_of_the_system(certificates: Certificates, public: int) -> None:
    assert public
    assert authorities(trusting(str(certificates.trusted))) == public + 1


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", BUNDLES)
def test_authorities_of_the_environment_are_trusted_too(
    name: str, shared: bool, certificates: Certificates, public: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(certificates.trusted))
    assert authorities(trusting(None, shared=shared)) == public + 1
    assert authorities(trusting(str(certificates.other), shared=shared)) == public + 2
    monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    with pytest.raises(ConnectionConfigError, match="REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the environment: "):
        trusting(None, shared=shared)


def test_authorities_of_a_directory_are_read_when_they_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(DeadlineContext, "load_verify_locations", lambda _, **given: asked.append(given))
    monkeypatch.setenv(BUNDLES[0], str(tmp_path))
    trusting(None)
    assert asked == [{"capath": str(tmp_path)}]


def test_a_python_that_knows_no_authorities_gets_those_of_requests(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "DEFAULT_CA_BUNDLE_PATH", str(certificates.trusted))
    before = authorities(trusting(None))
    known = ssl.get_default_verify_paths()
    here: list[tuple[Any, Any, int]] = [(None, None, 1), ("/file", None, 0), (None, "/directory", 0)]
    for file, directory, more in here:
        paths = known._replace(cafile=file, capath=directory)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda paths=paths: paths)
        assert authorities(trusting(None)) == before + more


def test_only_what_no_connection_has_for_itself_is_shared(certificates: Certificates) -> None:
    own = str(certificates.trusted)
    assert trusting(None, shared=True) is trusting(None, shared=True)
    assert trusting(None) is not trusting(None)
    assert trusting(own, shared=True) is not trusting(own, shared=True)


def test_a_file_of_no_use_is_that_of_its_field(certificates: Certificates, tmp_path: Path) -> None:
    files = client_files(certificates, tmp_path, "cert", "key")
    (tmp_path / "text.pem").write_text("hello")
    text, missing = str(tmp_path / "text.pem"), str(tmp_path / "missing.pem")
    assert authorities(certified(str(certificates.trusted), **files, password=None)) > 1
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("ca_bundle", {**files, "ca_bundle": text}),
        ("ssl_cert", {**files, "cert": text}),
        ("ssl_cert", {**files, "cert": missing}),
        ("ssl_key", {**files, "key": text}),
        ("ssl_key", {**files, "key": missing}),
        ("ssl_key", {**files, "key": None}),
    ]
    for field, given in wrong:
        with pytest.raises(ConnectionConfigError, match=f"^field {field}: ") as raised:
            certified(**{"ca_bundle": None, "password": None, **given})
        assert (raised.value.field, raised.value.__cause__) == (field, None)
        assert str(tmp_path) not in str(raised.value)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def context(request: pytest.FixtureRequest, certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = request.param
    certificates.good.configure_cert(context)
    return context


@pytest.mark.parametrize("wants", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_speaks_tls_is_known_and_whether_it_wants_a_certificate(
    scheme: str, wants: bool, context: ssl.SSLContext, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wants:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.trusted)
    with RogueHttp(tls=context) as server:
        url = f"{scheme}://127.0.0.1:{server.port}/v1"
        assert shake_hands(url, Deadline(5)) == (True, wants)
        assert server.requests == []
        # It is the proxy that would be asked.
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
        assert shake_hands(url, Deadline(5)) == (False, False)


ALERT = bytes.fromhex("15 0303 0002 0228")
"""handshake_failure: a server of TLS, with which no session comes about."""


@pytest.mark.parametrize(
    ("manner", "speaks"),
    [(say(ALERT), True), (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), False), (hang_up, False), (silent, False)],
    ids=["alert", "http", "hangs up", "silent"],
)
def test_a_server_that_does_not_is_known_in_time(manner: Manner, speaks: bool) -> None:
    with Peer(manner) as peer:
        assert shake_hands(f"https://127.0.0.1:{peer.port}", Deadline(0.2 if manner is silent else 5)) == (
            speaks,
            False,
        )


def test_a_server_that_is_not_there_speaks_nothing() -> None:
    with closed_port() as port:
        assert shake_hands(f"https://127.0.0.1:{port}", Deadline(5)) == (False, False)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://api.host/v1", "api.host", 443),
        ("HTTPS://api.host", "api.host", 443),
        ("http://api.host", "api.host", 80),
        ("http://[::1]:8080", "::1", 8080),
    ],
)
def test_hands_are_shaken_where_the_url_leads(url: str, host: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def refuse(host: str, port: int, _: Deadline) -> Any:
        asked.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(tls, "open_socket", refuse)
    assert shake_hands(url, Deadline(5)) == (False, False)
    assert asked == [(host, port)]
