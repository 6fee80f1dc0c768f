"""A transport of requests that answers from a list, so that a test of the client needs no network."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from socket import socket
from typing import Any

import requests
import urllib3
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.session import HttpSession
from requests.adapters import HTTPAdapter

HOST = "http://api.host:8080"


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Transport(HTTPAdapter):
    """Gives the answers in turn, or raises them, the last for ever; ``sent`` and ``options`` are what it got."""

    def __init__(self, *answers: Said | Exception) -> None:
        super().__init__()
        self._answers = list(answers)
        self.sent: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        self.sent.append(request)
        self.options.append(options)
        said = self._answers[min(len(self.sent), len(self._answers)) - 1]
        if isinstance(said, Exception):
            raise said
        head = "".join(f"{name}: {value}\r\n" for name, value in said.headers.items())
        received = HTTPResponse(_Line(f"HTTP/1.1 {said.status} OK\r\n{head}\r\n".encode("latin-1") + said.body))
        received.begin()
        raw = urllib3.HTTPResponse(
            received,
            headers=urllib3.HTTPHeaderDict(received.headers.items()),
            status=said.status,
            preload_content=False,
            original_response=received,
        )
        return self.build_response(request, raw)


class _Line(socket):
    """What an answer is read from."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, *_: Any, **__: Any) -> Any:
        return io.BytesIO(self._received)


def session_of(*answers: Said | Exception, base_url: str = f"{HOST}/v1", auth: OriginAuth | None = None) -> HttpSession:
    """Return a session that gets these answers, wherever it asks."""
    session = HttpSession(base_url, auth or OriginAuth(base_url, {}), (1, 2), None)
    transport = Transport(*answers)
    for scheme in ("http://", "https://"):
        session.mount(scheme, transport)
    return session


def headers_of(request: requests.PreparedRequest) -> Mapping[str, Any]:
    """Return the headers of a request; those with credentials are bytes, which the stubs do not know."""
    return request.headers


def transport_of(session: HttpSession) -> Transport:
    """Return the transport of a session of :func:`session_of`."""
    transport = session.get_adapter(HOST)
    assert isinstance(transport, Transport)
    return transport
