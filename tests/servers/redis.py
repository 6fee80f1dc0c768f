"""A throwaway Redis server, the broker of Celery."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from typing_extensions import Self

from tests.servers.airflow.rest import until
from tests.servers.process import HOST, free_port
from tests.servers.programs import ServerStartError, find_program

START_SECONDS: Final = 30.0


class RedisServer:
    """A Redis with a password, on a free port of 127.0.0.1; use it as a context manager.

    :param options: more of its configuration.
    """

    def __init__(self, options: Mapping[str, object] | None = None) -> None:
        self._options = dict(options or {})
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self._directory = Path(tempfile.mkdtemp(prefix="osiris-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What Celery calls the broker URL."""
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def __enter__(self) -> Self:
        options = {"port": self.port, "bind": HOST, "requirepass": self.password, "dir": self._directory}
        options.update(self._options)
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        command = [str(find_program("redis-server", ())), *words, "--save", "", "--appendonly", "no"]
        with (self._directory / "server.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, start_new_session=True)
        try:
            until(self._answers, "answer of Redis", START_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            msg = f"redis-server ended:\n{(self._directory / 'server.log').read_text()}"
            raise ServerStartError(msg)
        with suppress(RedisConnectionError), Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False
