"""The parent's side of the servers: starts them when they are needed, and has a check run in a process of its own."""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

from osiris_provider.hook_doctor.server import CHECK, MAX_TYPE, READY, REQUEST, SERVER, SHARED, UNSAFE
from osiris_provider.hook_doctor.wire import Answer, send_text
from osiris_provider.net.deadline import Deadline

AT_ONCE = 5 * (os.cpu_count() or 2)
"""Checks that may be under way at a time in this process."""
SHARING_TYPES = 4
"""From which number on what their hooks have in common is imported first."""
WARM_TYPES = 24
"""Connection types whose hook stays imported."""
CONFIRM_SECONDS = 0.25
"""For which a caller waits after the deadline until a server says that a check has been killed."""
STUCK_SECONDS = 5.0
"""After which a server that says nothing is killed itself, and with it all its checks."""
CLOSE_SECONDS = 1.0
"""The same where there is time, and of a server."""
TRIES = 4

# "-c" has the working directory as the first place to import from: nothing may be planted there.
_BOOT = """import sys
sys.path = [one for one in sys.path if one]
from osiris_provider.hook_doctor.server import main
main()
"""
_WITHHELD = ("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__SECRETS__", "AIRFLOW__WORKERS__SECRETS")
"""Prefixes of variables that a check needs nothing of: it gets its connection, and asks no backend."""


class LostError(Exception):
    """A server has gone, or does not answer."""


class _Remote:
    """A server or a check, from here: a socket to talk to it, and one that keeps it alive."""

    def __init__(self) -> None:
        self.busy = 0
        """Checks of this server that are under way."""
        self.unsafe = False
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
        except ConnectionError:
            return True
        except OSError:
            return False
        finally:
            self.lifeline.close()

    def is_ready(self, deadline: Deadline) -> bool:
        """Wait until this server has imported what it needs; return False if it cannot be used."""
        waiting = select.poll()
        waiting.register(self.line, select.POLLIN)
        if waiting.poll(max(deadline.left(), 0.0) * 1000):
            return not self.is_gone()
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


class Servers:
    """The servers of this process, started when they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._server: _Remote | None = None
        self._types: OrderedDict[str, _Remote] = OrderedDict()
        self._threaded: set[str] = set()
        self._shares = False
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def warm(self, conn_types: Iterable[str], deadline: Deadline) -> None:
        """Have the hooks of connection types imported, before the clock of the first check runs.

        :param conn_types: of the connections that will be checked; types beyond :data:`WARM_TYPES` have to wait.
        :param deadline: after which this does not wait any longer; the imports go on.
        """
        started = []
        types = list(dict.fromkeys(conn_types))[:WARM_TYPES]
        with self._lock:
            self._shares = self._shares or len(types) >= SHARING_TYPES
            for conn_type in types:
                if len(conn_type.encode()) <= MAX_TYPE:
                    with suppress(LostError):
                        started.append(self._server_of(conn_type))
        for server in started:
            if not server.works and not server.is_ready(deadline):
                with self._lock:
                    self._let_go(server)

    def run(self, conn_type: str, connection: str, deadline: Deadline) -> Answer:
        """Have a connection checked, and return what is known at the deadline; nothing of the check is left then.

        :param conn_type: of the connection.
        :param connection: as the check wants it; goes through a socket of memory.
        :param deadline: bounds everything.
        """
        answer = Answer()
        if not self._slots.acquire(timeout=max(deadline.left(), 0.0)):
            return answer
        try:
            for _ in range(TRIES):
                if self._tried(conn_type, connection, deadline, answer):
                    break
        except TimeoutError:
            pass
        finally:
            self._slots.release()
        return answer

    def _tried(self, conn_type: str, connection: str, deadline: Deadline, answer: Answer) -> bool:
        """Run a check once; return whether that was one, and not a server that has gone."""
        check = _Remote()
        try:
            server = self._ask_for(check, conn_type, time.monotonic() + deadline.remaining())
        except LostError:
            check.drop()
            return False
        try:
            check.line.settimeout(deadline.remaining())
            with suppress(ConnectionError):
                send_text(check.line, connection)
            answer.receive(check.line, deadline)
        finally:
            server.works = server.works or answer.started
            max_wait = max(CONFIRM_SECONDS, min(deadline.left(), CLOSE_SECONDS))
            gone = check.end(max_wait if server.works else 0.0)
            with self._lock:
                server.busy -= 1
                answer.importing = server.is_importing()
                if server.works and server.is_stuck(gone):
                    self._let_go(server)
        if answer.started or answer.value is not None:
            return True
        with self._lock:
            # A check may also be lost alone; its server has others under way.
            if server.is_gone():
                self._let_go(server)
        return False

    def _ask_for(self, check: _Remote, conn_type: str, deadline: float) -> _Remote:
        """Have a check forked, and return the server that does it.

        :raises LostError: it has gone. The next one will be another.
        """
        with self._lock:
            server = self._server_of(conn_type)
            try:
                check.ask(server.line, CHECK, deadline, conn_type)
            except LostError:
                self._let_go(server)
                raise
            server.busy += 1
            return server

    def _server_of(self, conn_type: str) -> _Remote:
        """Return where checks of a type are asked for."""
        main = self._main()
        if conn_type in self._threaded:
            return main
        known = self._types.get(conn_type)
        if known is None:
            self._evict()
            known = _Remote()
            try:
                known.ask(main.line, SERVER, float("inf"), conn_type)
            except LostError:
                known.drop()
                self._close()
                raise
            self._types[conn_type] = known
        self._types.move_to_end(conn_type)
        return known

    def _evict(self) -> None:
        idle = [name for name, server in self._types.items() if not server.busy]
        for name in idle[: max(len(self._types) - WARM_TYPES + 1, 0)]:
            self._types.pop(name).drop()

    def _main(self) -> _Remote:
        if self._server is None or self._process is None or self._process.poll() is not None:
            self._close()
            self._server = _Remote()
            self._process = _start(self._server.theirs.fileno(), *[SHARED] * self._shares)
            self._server.theirs.close()
        return self._server

    def _let_go(self, server: _Remote) -> None:
        """Have no more to do with a server that does not answer."""
        if server is self._server:
            self._close()
            return
        for name, known in list(self._types.items()):
            if known is server:
                if known.unsafe:
                    self._threaded.add(name)
                self._types.pop(name).drop()

    def _close(self) -> None:
        for known in self._types.values():
            known.drop()
        self._types.clear()
        if self._server is not None:
            self._server.drop()
        if self._process is not None:
            _end(self._process)
        self._server = self._process = None

    def close(self) -> None:
        """End all servers, and with them the checks that are under way."""
        with self._lock:
            self._close()

    def forget_all(self) -> None:
        """Hold nothing of the process that this one was forked from."""
        for known in self._types.values():
            known.drop()
        if self._server is not None:
            self._server.drop()


def _start(descriptor: int, *options: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD)}
    return subprocess.Popen(  # noqa: S603 - this interpreter, and a constant
        [sys.executable, "-c", _BOOT, str(descriptor), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
        # As a library: Airflow sets up neither its database nor its logs.
        env={**environment, "_AIRFLOW__AS_LIBRARY": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a server end, which has noticed that its socket is closed; kill it if it does not."""
    try:
        process.wait(CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


_servers = Servers()


def servers() -> Servers:
    """Return the servers of this process."""
    return _servers


def _after_fork() -> None:
    global _servers  # noqa: PLW0603 - one a process
    _servers.forget_all()
    _servers = Servers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: servers().close())
