"""An S3 server (moto's) that remembers what it served and can hold uploads: ``python -m tests.servers.s3_app``.

Writes its port to stdout, and ends when its stdin does.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

CONTROL = "/_control/"
Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class WatchedApp:
    """Moto, with a look at what passes.

    ``GET /_control/served`` lists the requests with the sizes of their answers and forgets them. ``/_control/hold``
    makes every upload of a part wait until ``/_control/release``.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._served: list[dict[str, Any]] = []
        self._open = threading.Event()
        self._open.set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        if path.startswith(CONTROL):
            body = json.dumps(getattr(self, path.removeprefix(CONTROL))()).encode()
            start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "application/json")])
            return [body]
        query = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
        request = {"method": environ["REQUEST_METHOD"], "path": path, "query": sorted(query)}
        if request["method"] == "PUT" and "partNumber" in query:
            self._open.wait()

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            size = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
            self._served.append({**request, "status": int(status.split(maxsplit=1)[0]), "bytes": size})
            return start_response(status, headers, *rest)

        answer: Iterable[bytes] = self._moto(environ, started)
        return answer

    def served(self) -> list[dict[str, Any]]:
        """Return what was served since this was asked last."""
        served, self._served = self._served, []
        return served

    def hold(self) -> None:
        """Let uploads of parts wait."""
        self._open.clear()

    def release(self) -> None:
        """Let them pass."""
        self._open.set()


class QuietHandler(WSGIRequestHandler):
    """Keeps connections open, as S3 does, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    server = make_server("127.0.0.1", 0, WatchedApp(), threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - this is how the parent learns it
    sys.stdin.read()


if __name__ == "__main__":
    main()
