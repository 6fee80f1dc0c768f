"""Clients that are kept open for the next step (CONN-013) and surely closed at the end (CONN-014)."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

C = TypeVar("C")

# A key of this process only: a cache key in a dump tells nothing about a password.
_PROCESS_KEY = secrets.token_bytes(32)

Key = tuple[int, int, str]


def cache_key(connection: Mapping[str, Any]) -> Key:
    """Return the key of a connection in this process and thread; it holds no secret in clear.

    Clients of most families must not be shared by threads, nor by a forked child and its parent.

    :param connection: a resolved connection.
    """
    text = json.dumps(dict(connection), sort_keys=True, default=repr)
    digest = hmac.new(_PROCESS_KEY, text.encode(), hashlib.sha256).hexdigest()
    return os.getpid(), threading.get_ident(), digest


class ClientCache(Generic[C]):
    """Open clients of one family, by connection, process and thread.

    :param is_alive: asks a client whether it can still be used; anything it raises means no.
    :param close: closes a client.
    """

    def __init__(self, is_alive: Callable[[C], bool], close: Callable[[C], None]) -> None:
        self._is_alive = is_alive
        self._close = close
        self._clients: dict[Key, C] = {}
        # Reentrant: a signal handler may call close_all while this very thread holds it.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Return how many clients are open."""
        return len(self._clients)

    def get_or_create(self, connection: Mapping[str, Any], create: Callable[[], C]) -> C:
        """Return the open client of a connection if it is alive, else a new one.

        :param connection: a resolved connection.
        :param create: makes a client; its errors pass through.
        """
        key = cache_key(connection)
        with self._lock:
            client = self._clients.pop(key, None)
        # The lock is not held while a network is asked: one slow peer must not hold up other threads.
        if client is not None and not self._usable(client):
            self._close_quietly(client)
            client = None
        if client is None:
            client = create()
        with self._lock:
            self._clients[key] = client
        return client

    def close_all(self) -> None:
        """Close every client of this process; failures to close are logged, not raised."""
        with self._lock:
            clients, self._clients = self._clients, {}
        for (pid, _, _), client in clients.items():
            if pid == os.getpid():
                self._close_quietly(client)

    def _usable(self, client: C) -> bool:
        try:
            return self._is_alive(client)
        except Exception:  # noqa: BLE001 - whatever a client raises here, it is not usable
            return False

    def _close_quietly(self, client: C) -> None:
        try:
            self._close(client)
        except Exception as error:  # noqa: BLE001 - closing is the last thing done to it, nothing else depends on it
            log.debug("Closing a client failed: %s", type(error).__name__)
