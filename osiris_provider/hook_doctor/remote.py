"""A server or a check, as its parent sees it."""

from __future__ import annotations

import select
import socket
import time

from osiris_provider.hook_doctor.server import READY, REQUEST, UNSAFE
from osiris_provider.net.deadline import Deadline

STUCK_SECONDS = 5.0
"""After which a server that says nothing is killed itself, and with it all its checks."""
LOOK_SECONDS = 0.1
"""After which one that waits for a server sees what another has read of it."""


class LostError(Exception):
    """A server has gone, or does not answer."""


class Remote:
    """A server or a check, from here: a socket to talk to it, and one that keeps it alive."""

    def __init__(self) -> None:
        self.busy = 0
        """Checks of this server that are under way."""
        self.unsafe = False
        self.kept = 0
        """Checks that will come, or have come, and for which this server is kept."""
        self.kept_until = 0.0
        """By the monotonic clock; 0 if it was not kept yet."""
        self.waited = False
        """Whether somebody has waited for its imports in vain: no one else does."""
        self.silent_since: float | None = None
        self.works = False
        """Whether this server has been seen to work. Before, it may be importing, which takes its time."""
        self.line, self.theirs = socket.socketpair()
        self.lifeline, self.their_lifeline = socket.socketpair()

    def ask(self, requests: socket.socket, what: bytes, deadline: float, conn_type: str) -> None:
        """Have a server fork the process at the other end.

        :raises LostError: there is no such server.
        """
        request = REQUEST.pack(what, deadline, conn_type.encode())
        try:
            socket.send_fds(requests, [request], [self.theirs.fileno(), self.their_lifeline.fileno()])
        except OSError:
            raise LostError from None
        finally:
            self.theirs.close()
            self.their_lifeline.close()

    def end(self, seconds: float) -> bool:
        """Have the process killed, and return whether it is known to be gone."""
        self.line.close()
        try:
            self.lifeline.shutdown(socket.SHUT_WR)
            self.lifeline.settimeout(max(seconds, 0.001))
            return not self.lifeline.recv(1)
        except OSError:
            return False
        finally:
            self.lifeline.close()

    def is_ready(self, deadline: Deadline) -> bool:
        """Wait until this server has imported what it needs; return False if it cannot be used.

        Several threads may wait; one of them reads what the server says. When the deadline of one has passed, none
        waits any longer.
        """
        waiting = select.poll()
        try:
            waiting.register(self.line, select.POLLIN)
        except ValueError:
            # Another has let go of it.
            return False
        while not (self.works or self.waited):
            if waiting.poll(min(max(deadline.left(), 0.0), LOOK_SECONDS) * 1000) and self.is_gone():
                return False
            self.waited = self.waited or deadline.left() <= 0
        return True

    def is_gone(self) -> bool:
        """Return whether this server has ended, or cannot fork; take note of what it has said."""
        while True:
            try:
                said = self.line.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True
            self.works = self.works or said == READY
            self.unsafe = self.unsafe or said == UNSAFE
            if said != READY:
                return True

    def is_importing(self) -> bool:
        """Return whether this server has not imported yet what it needs, and goes on with it."""
        gone = self.is_gone()
        return not (gone or self.works)

    def is_stuck(self, answered: bool) -> bool:
        """Return whether this server has not done what it is for for long; a busy machine alone is no reason.

        :param answered: whether it has just said that a check is gone.
        """
        now = time.monotonic()
        self.silent_since = None if answered else self.silent_since or now
        return self.silent_since is not None and now - self.silent_since > STUCK_SECONDS

    def drop(self) -> None:
        """Let go of it, without waiting for its end."""
        for one in (self.line, self.lifeline, self.theirs, self.their_lifeline):
            one.close()
