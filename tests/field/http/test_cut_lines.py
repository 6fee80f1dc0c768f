"""NDJSON that ends with its line: over TLS it shows whether that was its end, or the server's."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.errors import NetworkError

from tests.servers.apis.http import HOST, RawReply
from tests.servers.apis.scripted_api import ScriptedApi

LINES = b'{"id": 1}\n{"id": 2}\n'


class PoliteApi(ScriptedApi):
    """Says that the line has come to its end, as Python's own servers do not."""

    def closed(self, sock: Any) -> None:
        with contextlib.suppress(OSError):
            sock.unwrap()
        super().closed(sock)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


def ended(media_type: str, body: bytes = LINES) -> RawReply:
    return RawReply([b"HTTP/1.1 200 OK\r\nContent-Type: " + media_type.encode() + b"\r\n\r\n" + body])


def fetched(server: ScriptedApi, directory: Path) -> Any:
    connection = {"family": "api", "alias": "x", "base_url": server.origin, "ca_bundle": str(directory / "ca.pem")}
    connector: Any = get_connector("api")
    with server, connector.create_client(connection) as session:
        return connector.translate_errors(connection, lambda: connector.fetch(session, "GET", "rows"))[0]


def test_lines_behind_which_tls_has_ended_are_all(tmp_path: Path, tls: ssl.SSLContext) -> None:
    assert fetched(PoliteApi(ended("application/x-ndjson"), tls=tls), tmp_path) == [{"id": 1}, {"id": 2}]


def test_lines_behind_which_the_line_was_cut_are_an_error(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with pytest.raises(NetworkError) as raised:
        fetched(ScriptedApi(ended("application/x-ndjson"), tls=tls), tmp_path)
    assert raised.value.fault.slug == "reset"


def test_one_text_has_an_end_of_its_own(tmp_path: Path, tls: ssl.SSLContext) -> None:
    assert fetched(ScriptedApi(ended("application/json", b'[{"id": 1}]'), tls=tls), tmp_path) == [{"id": 1}]
