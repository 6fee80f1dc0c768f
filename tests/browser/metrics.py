"""A StatsD server that keeps all it is told."""

from __future__ import annotations

import socketserver
import threading

from typing_extensions import Self


class MetricsServer:
    """Listens on a free UDP port of 127.0.0.1."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        """Metrics as they came, such as ``airflow.osiris.doctor.failed,family=mysql,alias=default:1|c``."""
        seen = self.seen

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                seen.extend(self.request[0].decode().splitlines())

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def ours(self, name: str, tag: str) -> list[str]:
        """Return the metrics of a name that have a tag, such as ``family=mysql``."""
        return [line for line in self.seen if name in line and tag in line]
