"""Listeners that accept and then do not do what they should, and a proxy that does right for a while."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from typing_extensions import Self

HOST = "127.0.0.1"
NO_ROUTE = "255.255.255.255"
"""The kernel refuses to connect to it, as to a network that it has no route to; nothing is sent."""
DRIP_SECONDS = 0.5

Manner = Callable[["Peer", socket.socket], None]
After = Literal["stall", "drip", "reset", "close", "corrupt"]


class Peer:
    """A listener on a free port that treats every connection in the same manner, each on a thread.

    :param manner: gets the peer and the accepted socket; ``peer.stopping`` is set when it should end.
    :param path: of a Unix socket to listen on instead.
    """

    def __init__(self, manner: Manner, path: Path | None = None) -> None:
        self._manner = manner
        self._listener = socket.create_server((HOST, 0), backlog=256) if path is None else listening_at(path)
        self._accepted: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.stopping = threading.Event()
        self.answers = 0
        self.port: int = 0 if path else self._listener.getsockname()[1]

    @property
    def accepted(self) -> int:
        """How many connections have come in."""
        return len(self._accepted)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        shut(self._listener)
        # What it has just accepted is in the list once its thread has ended.
        self._threads[0].join(5)
        for sock in self._accepted:
            shut(sock)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            at_once(sock)
            self._accepted.append(sock)
            self._start(self._treat, sock)

    def _treat(self, sock: socket.socket) -> None:
        try:
            self._manner(self, sock)
        except OSError:
            sock.close()


def listening_at(path: Path, backlog: int = 256) -> socket.socket:
    """Return a listener on a Unix socket."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def at_once(sock: socket.socket) -> None:
    """Send what is written without waiting 40 ms for the other side to confirm what came before."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def shut(sock: socket.socket) -> None:
    """Close, and wake the thread that waits for it."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def silent(peer: Peer, _: socket.socket) -> None:
    """Accept, and never say a word."""
    peer.stopping.wait()


def hang_up(_: Peer, sock: socket.socket) -> None:
    """Close at once."""
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def hang_up_first(times: int, then: Manner) -> Manner:
    """Close the first connections at once, and treat those after them in another manner.

    :param times: how many are closed.
    """

    def manner(peer: Peer, sock: socket.socket) -> None:
        (hang_up if peer.accepted <= times else then)(peer, sock)

    return manner


def reset(_: Peer, sock: socket.socket) -> None:
    """Break the connection off with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Wakes a thread that reads from it: the RST goes out when the last of them lets go.
    sock.shutdown(socket.SHUT_RD)
    sock.close()


def say(text: bytes) -> Manner:
    """Answer with the same bytes whatever is asked, then wait."""

    def manner(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(text)
        peer.stopping.wait()

    return manner


def drip(text: bytes, seconds: float = DRIP_SECONDS) -> Manner:
    """Say one byte every half second, or as often as is told, for ever."""

    def manner(peer: Peer, sock: socket.socket) -> None:
        position = 0
        while not peer.stopping.wait(seconds):
            sock.sendall(text[position % len(text) :][:1])
            position += 1

    return manner


@dataclass(frozen=True)
class Cut:
    """Where and how a proxied conversation goes wrong.

    :param then: what happens to the server's bytes from there on.
    :param turn: number of the client's turn whose answer is hit; 0 is what the server says unasked. All that a
        side sends before the other answers is one turn, however it is cut into packets.
    :param spared: bytes of that answer that still pass.
    :param drip_seconds: between two bytes of what drips.
    """

    then: After
    turn: int
    spared: int = 0
    drip_seconds: float = DRIP_SECONDS


def forward(port: int, cut: Cut | None = None) -> Manner:
    """Be a proxy to a real server, and misbehave from a point on.

    :param port: of the real server.
    :param cut: the point; None never misbehaves. ``peer.answers`` counts the client's turns that were answered.
    """

    def manner(peer: Peer, client: socket.socket) -> None:
        with socket.create_connection((HOST, port)) as server:
            at_once(server)
            conversation = _Conversation(peer, client, server, cut)
            upward = threading.Thread(target=conversation.upward, daemon=True)
            upward.start()
            conversation.downward()
        upward.join(5)

    return manner


class _Conversation:
    """One proxied connection."""

    def __init__(self, peer: Peer, client: socket.socket, server: socket.socket, cut: Cut | None) -> None:
        self._peer = peer
        self._client = client
        self._server = server
        self._cut = cut
        self._asked = 0
        self._answered = True

    def upward(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                self._asked += self._answered
                self._answered = False
                self._server.sendall(data)
        # The server must learn that its client is gone, or its session would stay.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)

    def downward(self) -> None:
        spared = self._cut.spared if self._cut else 0
        while data := self._server.recv(65536):
            self._answered = True
            self._peer.answers = max(self._peer.answers, self._asked)
            if self._cut is None or self._asked < self._cut.turn:
                self._client.sendall(data)
                continue
            self._client.sendall(data[:spared])
            hit, spared = data[spared:], max(spared - len(data), 0)
            if hit:
                self._spoil(hit, self._cut)
                if self._cut.then != "corrupt":
                    return

    def _spoil(self, data: bytes, cut: Cut) -> None:
        if cut.then == "corrupt":
            self._client.sendall(bytes(byte ^ 0x5A for byte in data))
        elif cut.then == "reset":
            reset(self._peer, self._client)
        elif cut.then == "close":
            hang_up(self._peer, self._client)
        elif cut.then == "drip":
            drip(data, cut.drip_seconds)(self._peer, self._client)
        else:
            self._peer.stopping.wait()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses: bound, so that no one else takes it, and not listening."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def unanswered_port() -> Iterator[int]:
    """A port whose SYNs are never answered: its backlog is full and no one accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
