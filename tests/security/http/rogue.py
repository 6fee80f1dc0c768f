"""An HTTP server that answers what a test tells it to, and records all that it received."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.apis.http import HttpServer, RawReply, Reply, Request

Script = Callable[[Request], Reply | RawReply]


class RogueHttp(HttpServer):
    """A hostile peer, or a host that must never be reached.

    :param script: makes the answer to each request; without one every request gets an empty list.
    :param tls: see :class:`HttpServer`.
    """

    def __init__(self, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.script: Script = script or (lambda _: Reply.of_json([]))

    def answer(self, request: Request) -> Reply | RawReply:
        return self.script(request)

    @property
    def received(self) -> str:
        """All that came, headers and bodies included, in one text."""
        return "\n".join(f"{one.method} {one.path} {one.every} {one.headers} {one.body!r}" for one in self.requests)

    def endless(self, piece: bytes = b"x" * 65536) -> Iterator[bytes]:
        """Yield a body that ends when the server stops."""
        while not self.stopping.is_set():
            yield piece


def redirect(target: str, status: int = 302) -> Reply:
    """Return a redirect."""
    return Reply(status, b"", {"Location": target})


def gzip_bomb(mebibytes: int) -> Reply:
    """Return a small answer that unpacks to a JSON text of so many mebibytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 1024 * 1024
    packed = b"".join([packer.compress(b"["), *(packer.compress(block) for _ in range(mebibytes)), packer.flush()])
    return Reply(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})


def api(server: HttpServer, **fields: Any) -> dict[str, Any]:
    """Return a connection of family api to a server."""
    return {"family": "api", "alias": "test", "base_url": f"{server.origin}/v1", "health_path": "me", **fields}
