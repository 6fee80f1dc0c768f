"""Forks the processes of checks, and ends each of them with all that it has started.

A process that has imported Airflow and a hook can be copied in milliseconds; to start one takes seconds. So the parent
starts one server, which has imported Airflow; from it comes one server for each connection type, which has imported the
type's hook; from that come the checks, one process each::

    parent (any threads, no Airflow) ─ server ┬ server of smtp ┬ check
                                              │                └ check
                                              └ server of http ─ check

A server has one thread, or it does not fork. It never sees a connection: a check gets two sockets from the parent, one
with the connection and for the answer, the other as its lifeline. When the parent lets go of that one, in whatever way,
or when the deadline is there, the check is killed. Servers end when their parent does.
"""

from __future__ import annotations

import gc
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from osiris_provider.hook_doctor import kernel

REQUEST = struct.Struct("!cd64s")
"""What is asked for, the deadline by the monotonic clock, and the connection type. Two sockets come with it."""
CHECK, SERVER = b"C", b"S"
SHARED = "shared"
"""Argument of a server from which those of many types will come."""
MAX_TYPE = 64
IDLE_SECONDS = 60.0
"""After which a server ends that has nothing to do."""
WARM_SECONDS = 120
"""After which a server is killed that still imports."""
SWEEP_SECONDS = 0.2
END_SECONDS = 0.8
THREAD_END_SECONDS = 1.0
"""For threads that an import starts for a moment, as that of Snowflake does."""
READY, UNSAFE = b"r", b"u"
"""What a server says when it has imported: it can fork, or cannot because an import has started threads."""


@dataclass
class Process:
    """A process that a server has forked."""

    pid: int
    lifeline: socket.socket
    deadline: float


class Server:
    """Waits for requests, and for the end of what it has forked.

    :param requests: from the parent; its end is the server's.
    :param check: does the work of a check in its process: takes the socket with the connection, and the deadline.
    :param warm: imports the hook of a connection type.
    """

    def __init__(
        self,
        requests: socket.socket,
        check: Callable[[socket.socket, float], None],
        warm: Callable[[str], None],
    ) -> None:
        self.requests = requests
        self.check = check
        self.warm = warm
        self.processes: dict[int, Process] = {}
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the parent lets go, or nothing has come for a while."""
        kernel.adopt_orphans()
        gc.collect()
        gc.freeze()
        self.selector.register(self.requests, selectors.EVENT_READ)
        self.own = woken, wakes = os.pipe()
        for end in self.own:
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self.selector.register(woken, selectors.EVENT_READ)
        while self._turn(woken):
            pass
        self._end()

    def _end(self) -> None:
        """Leave nothing behind."""
        for process in self.processes.values():
            _kill(process.pid)
        end = time.monotonic() + END_SECONDS
        while (self.processes or kernel.children()) and time.monotonic() < end:
            self._reap()
            self._sweep()
            time.sleep(0.005)

    def _turn(self, woken: int) -> bool:
        now = time.monotonic()
        for process in self.processes.values():
            if process.deadline <= now:
                _kill(process.pid)
                process.deadline = now + 1.0
        nearest = min((process.deadline for process in self.processes.values()), default=now + IDLE_SECONDS)
        ready = self.selector.select(min(max(nearest - now, 0.0), IDLE_SECONDS))
        for key, _ in ready:
            if key.fileobj is self.requests:
                if not self._request():
                    return False
            elif key.fd == woken:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
            elif isinstance(key.data, int):
                # The parent has let go, or wants it to be over: nothing else comes this way.
                self.selector.unregister(key.fileobj)
                _kill(key.data)
        self._reap()
        return bool(ready or self.processes)

    def _request(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self.requests, REQUEST.size, 2)
        except OSError:
            return False
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for one in sockets:
            one.set_inheritable(False)
        if len(data) != REQUEST.size or len(sockets) != 2:
            return False
        what, deadline, name = REQUEST.unpack(data)
        work, lifeline = sockets
        if what == SERVER or deadline > time.monotonic():
            self._fork(what, deadline, name.rstrip(b"\0").decode(), work, lifeline)
        else:
            lifeline.close()
        work.close()
        return True

    def _fork(self, what: bytes, deadline: float, name: str, work: socket.socket, lifeline: socket.socket) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                self._become(parent, lifeline)
                if what == SERVER:
                    _serve_type(work, name, self.check, self.warm)
                else:
                    self.check(work, deadline)
            finally:
                # Whatever was raised: this is not the process to go on with what called this.
                os._exit(0)
        # Also here: the child may not have got to it when it is killed.
        with suppress(OSError):
            os.setpgid(pid, pid)
        self.processes[pid] = Process(pid, lifeline, deadline)
        self.selector.register(lifeline, selectors.EVENT_READ, pid)

    def _become(self, parent: int, lifeline: socket.socket) -> None:
        """Be a process of one's own, which holds nothing of the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with suppress(OSError):
            os.setsid()
        kernel.die_with_parent(parent)
        self.selector.close()
        self.requests.close()
        lifeline.close()
        for process in self.processes.values():
            process.lifeline.close()
        for descriptor in self.own:
            os.close(descriptor)

    def _reap(self) -> None:
        """Take note of all that has ended; of a check that has, nothing is left."""
        while (pid := _ended()) is not None:
            process = self.processes.pop(pid, None)
            if process is not None:
                # Before its number can be another's.
                _kill(pid)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
            if process is not None:
                self._sweep()
                with suppress(KeyError, ValueError):
                    self.selector.unregister(process.lifeline)
                process.lifeline.close()

    def _sweep(self) -> None:
        """Kill what has left the group of a check that has ended: the kernel has made it this server's."""
        end = time.monotonic() + SWEEP_SECONDS
        while (strays := [pid for pid in kernel.children() if pid not in self.processes]) and time.monotonic() < end:
            for pid in strays:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _serve_type(
    requests: socket.socket,
    conn_type: str,
    check: Callable[[socket.socket, float], None],
    warm: Callable[[str], None],
) -> None:
    signal.alarm(WARM_SECONDS)
    with suppress(Exception):
        # Checks will tell.
        warm(conn_type)
    signal.alarm(0)
    is_safe = is_alone()
    with suppress(OSError):
        requests.send(READY if is_safe else UNSAFE)
    if is_safe:
        Server(requests, check, warm).run()


def is_alone() -> bool:
    """Return whether this process has one thread, or has within :data:`THREAD_END_SECONDS`: then it can fork."""
    end = time.monotonic() + THREAD_END_SECONDS
    while (threads := kernel.threads()) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    return threads == 1


def _kill(pid: int) -> None:
    """Kill a process and its group."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _ended() -> int | None:
    """Return a process that has ended, and that keeps its number until it is waited for."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_pid if ended else None


def main() -> NoReturn:
    """Be the server whose requests come by the socket that the command line has the number of; see :data:`SHARED`."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    requests.set_inheritable(False)
    # What a process had in memory when it died is nothing to leave on a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(WARM_SECONDS)
    from osiris_provider.hook_doctor import child

    with suppress(Exception):
        child.load()
        if SHARED in sys.argv:
            child.load_shared()
    signal.alarm(0)
    with suppress(OSError):
        requests.send(READY)
    Server(requests, child.serve, child.warm).run()
    os._exit(0)
