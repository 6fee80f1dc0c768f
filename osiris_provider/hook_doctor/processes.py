"""The parent's side of the servers: starts them when they are needed, and has a check run in a process of its own."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from osiris_provider.connections.listing import secret_variables
from osiris_provider.hook_doctor.remote import LostError, Remote
from osiris_provider.hook_doctor.server import CHECK, MAX_TYPE, SERVER, SHARED
from osiris_provider.hook_doctor.wire import Answer, send_text
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import aside

AT_ONCE = 4 * (os.cpu_count() or 2)
"""Checks that may be under way at a time in this process."""
SHARING_TYPES = 4
"""From which number on what their hooks have in common is imported first."""
WARM_TYPES = 24
"""Connection types whose hook stays imported."""
MANY_TYPES = 1 + (os.cpu_count() or 2)
"""The same while checks of many types follow each other: each type takes 5 to 90 MiB."""
LINGER_SECONDS = 0.5
"""For which a type that was kept stays imported: the next check of the type may come any moment."""
CONFIRM_SECONDS = 0.25
"""For which a caller waits after the deadline until a server says that a check has been killed."""
CLOSE_SECONDS = 1.0
"""The same where there is time, and of a server."""
TRIES = 4

# "-c" has the working directory as the first place to import from: nothing may be planted there.
_BOOT = """import sys
sys.path = [one for one in sys.path if one]
from osiris_provider.hook_doctor.server import main
main()
"""
_WITHHELD = (
    *("AIRFLOW_CONN_", "AIRFLOW_VAR_", "AIRFLOW__SECRETS__", "AIRFLOW__WORKERS__SECRETS"),
    *("AIRFLOW__API_AUTH__", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CELERY__", "AIRFLOW__CORE__FERNET_KEY"),
    *("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__OSIRIS__API_", "AIRFLOW__SENTRY__", "AIRFLOW__SMTP__"),
)
"""Prefixes of variables that a check needs nothing of: it gets its connection, and asks neither a backend nor Airflow.
"""
_KEPT = re.compile(
    r"(AIRFLOW__|AWS_|AZURE_|BOTO_|CLOUDSDK_|DATABRICKS_|GOOGLE_|KRB5|KUBE|LC_|LD_|PYTHON|SNOWFLAKE_|SSL_CERT_|XDG_).*"
    r"|AIRFLOW_HOME|AIRFLOW_CONFIG|HOME|LANG|LOGNAME|PATH|REQUESTS_CA_BUNDLE|TMPDIR|TZ|USER|VIRTUAL_ENV"
    r"|(?i:.*_proxy)"
)
"""Variables that stay, though the file has them in a field of secrets: what is imported and run depends on them, or a
library looks there for an identity of this machine, as it does in a task."""


class Servers:
    """The servers of this process, started when they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._process: subprocess.Popen[bytes] | None = None
        self._server: Remote | None = None
        self._types: OrderedDict[str, Remote] = OrderedDict()
        self._threaded: set[str] = set()
        self._shares = False
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def warm(self, conn_types: Iterable[str], deadline: Deadline) -> None:
        """Have the hooks of connection types imported, before the clock of the first check runs.

        :param conn_types: of the connections that will be checked; those beyond :data:`WARM_TYPES` have to wait.
        :param deadline: after which this does not wait any longer; the imports go on.
        """
        started = []
        types = list(dict.fromkeys(conn_types))
        with self._lock:
            self._shares = self._shares or len(types) >= SHARING_TYPES
            for conn_type in types[:WARM_TYPES]:
                if len(conn_type.encode()) <= MAX_TYPE:
                    with suppress(LostError):
                        started.append(self._server_of(conn_type))
        for server in started:
            self._await(server, deadline)

    @contextmanager
    def kept(self, conn_type: str, deadline: Deadline) -> Iterator[None]:
        """Have the hook of a connection type imported, and keep it so until the block ends.

        It waits for room first: while :data:`MANY_TYPES` others are in use, there is none. A type that is no longer
        kept makes room for the next one.

        :param conn_type: of the connection that will be checked in the block.
        :param deadline: after which this waits neither for room nor for the imports.
        """
        server = self._reserved(conn_type, deadline)
        try:
            if server is not None:
                self._await(server, deadline)
            yield
        finally:
            with self._room:
                if server is not None:
                    server.kept -= 1
                    server.kept_until = time.monotonic()
                    self._end_soon()
                self._room.notify_all()

    def _end_soon(self) -> None:
        timer = threading.Timer(LINGER_SECONDS, self._end_done)
        timer.daemon = True
        timer.start()

    def _end_done(self) -> None:
        with self._lock:
            for name in self._done(time.monotonic() - LINGER_SECONDS):
                self._types.pop(name).drop()

    def _done(self, before: float) -> list[str]:
        """Return the types that were kept until then, and that nothing needs any more."""
        return [
            name for name, one in self._types.items() if 0 < one.kept_until <= before and not (one.busy or one.kept)
        ]

    def _reserved(self, conn_type: str, deadline: Deadline) -> Remote | None:
        with self._room:
            self._room.wait_for(lambda: self._has_room(conn_type), max(deadline.left(), 0.0))
            if len(conn_type.encode()) > MAX_TYPE:
                return None
            with suppress(LostError):
                if conn_type not in self._types:
                    self._evict(MANY_TYPES)
                server = self._server_of(conn_type)
                server.kept += 1
                return server
        return None

    def _has_room(self, conn_type: str) -> bool:
        in_use = [name for name, server in self._types.items() if server.busy or server.kept]
        return conn_type in self._types or conn_type in self._threaded or len(in_use) < MANY_TYPES

    def _await(self, server: Remote, deadline: Deadline) -> None:
        """Wait until a server can fork checks; let go of it if it cannot."""
        if not server.is_ready(deadline):
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
        check = Remote()
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
            if answer.has_more:
                with aside(deadline) as asking:
                    answer.receive_more(check.line, asking)
        finally:
            server.works = server.works or answer.started
            max_wait = max(CONFIRM_SECONDS, min(deadline.left(), CLOSE_SECONDS))
            gone = check.end(max_wait if server.works else 0.0)
            with self._room:
                server.busy -= 1
                self._room.notify_all()
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

    def _ask_for(self, check: Remote, conn_type: str, deadline: float) -> Remote:
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

    def _server_of(self, conn_type: str) -> Remote:
        """Return where checks of a type are asked for."""
        main = self._main()
        if conn_type in self._threaded:
            return main
        known = self._types.get(conn_type)
        if known is None:
            self._evict(WARM_TYPES)
            known = Remote()
            try:
                known.ask(main.line, SERVER, float("inf"), conn_type)
            except LostError:
                known.drop()
                self._close()
                raise
            self._types[conn_type] = known
        self._types.move_to_end(conn_type)
        return known

    def _evict(self, limit: int) -> None:
        """Make room for one more type."""
        for name in self._done(time.monotonic()):
            self._types.pop(name).drop()
        idle = [name for name, server in self._types.items() if not (server.busy or server.kept)]
        for name in idle[: max(len(self._types) - limit + 1, 0)]:
            self._types.pop(name).drop()

    def _main(self) -> Remote:
        if self._server is None or self._process is None or self._process.poll() is not None:
            self._close()
            self._server = Remote()
            self._process = _start(self._server.theirs.fileno(), *[SHARED] * self._shares)
            self._server.theirs.close()
        return self._server

    def _let_go(self, server: Remote) -> None:
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
    # The connection that is checked comes with its own.
    of_connections = {name for name in secret_variables() if not _KEPT.fullmatch(name)}
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_WITHHELD) and name not in of_connections
    }
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


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: servers().close())
