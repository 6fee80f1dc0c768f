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
MORE = "more"
"""In an answer: another one comes, with when the login ends. The parent waits for it a moment, and needs it not."""
MAX_ANSWER = 64 * 1024
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
        self._data = bytearray()

    @property
    def has_more(self) -> bool:
        """Whether another answer comes."""
        return self.value is not None and "details" in self.value and self.value.get(MORE) is True

    def receive(self, line: socket.socket, deadline: Deadline) -> None:
        """Receive until there is an answer, nothing more comes, or what comes is none.

        :raises TimeoutError: the deadline has passed.
        """
        said = self._line(line, deadline)
        if said is not None:
            self.value = _verdict(said)

    def receive_more(self, line: socket.socket, deadline: Deadline) -> None:
        """Receive what comes after an answer, and add it; if none comes, the answer is as it was.

        :raises TimeoutError: the deadline has passed.
        """
        said = _object(self._line(line, deadline) or b"").get("expires")
        if self.value is not None and isinstance(said, dict):
            known = self.value.get("expires")
            self.value = {**self.value, "expires": {**(known if isinstance(known, dict) else {}), **said}}

    def _line(self, line: socket.socket, deadline: Deadline) -> bytes | None:
        """Return the next line, or as much as an answer may have of it; None if the other side has gone before."""
        while b"\n" not in self._data and len(self._data) <= MAX_ANSWER:
            line.settimeout(deadline.remaining())
            try:
                part = line.recv(4096)
            except ConnectionError:
                part = b""
            if not part:
                return None
            self._data += part
            if self._data.startswith(STARTED):
                self.started = True
                del self._data[: len(STARTED)]
        said, _, self._data = self._data.partition(b"\n")
        return bytes(said)


def _object(said: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one is none. A hook's library may have written anything there."""
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _verdict(said: bytes) -> Mapping[str, Any] | None:
    """Return an answer if it is one."""
    answer = _object(said)
    if not isinstance(answer.get("fault", ""), str):
        return None
    return answer if "fault" in answer or isinstance(answer.get("details"), dict) else None
