"""What parent and check say to each other."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

from osiris_provider.net.deadline import Deadline

STARTED = b"+"
"""The check has all that it needs, and asks the server of the connection now."""
MAX_ANSWER = 64 * 1024
MAX_CONNECTION = 4 * 1024 * 1024
_LENGTH = struct.Struct("!I")


def send_text(line: socket.socket, text: str) -> None:
    """Send a text, its length before it.

    :raises OSError: there is no one to take it, or not in time.
    """
    data = text.encode()
    line.sendall(_LENGTH.pack(len(data)) + data)


def receive_text(line: socket.socket) -> str:
    """Receive what :func:`send_text` has sent.

    :raises EOFError: the other side has gone.
    """
    (size,) = _LENGTH.unpack(_exactly(line, _LENGTH.size))
    return _exactly(line, size).decode()


def _exactly(line: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


class Answer:
    """What has come from a check so far."""

    def __init__(self) -> None:
        self.started = False
        self.importing = False
        """Whether the hook was still being imported when the time was over."""
        self.value: Mapping[str, Any] | None = None

    def receive(self, line: socket.socket, deadline: Deadline) -> None:
        """Receive until there is an answer, nothing more comes, or what comes is none.

        :raises TimeoutError: the deadline has passed.
        """
        data = bytearray()
        while b"\n" not in data and len(data) <= MAX_ANSWER:
            line.settimeout(deadline.remaining())
            try:
                part = line.recv(4096)
            except ConnectionError:
                part = b""
            if not part:
                return
            data += part
            self.started = self.started or data.startswith(STARTED)
        self.value = _parsed(bytes(data).removeprefix(STARTED))


def _parsed(said: bytes) -> Mapping[str, Any] | None:
    """Return an answer if it is one; a hook's library may have written anything there."""
    try:
        answer = json.loads(said.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("fault", ""), str):
        return None
    return answer if "fault" in answer or isinstance(answer.get("details"), dict) else None
