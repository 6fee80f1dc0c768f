"""What the kinds of throwaway server have in common: a process, its directory and its end."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from typing_extensions import Self

from tests.servers.address import APP_PASSWORD, APP_USER, Address
from tests.servers.programs import ServerStartError
from tests.servers.templates import make_or_copy

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
PORT_TRIES: Final = 5
MEMORY: Final = "/dev/shm"  # noqa: S108 - mkdtemp makes a directory of the test's own in it
MEMORY_BYTES: Final = 4 << 30
OF_TESTS: Final = "test_"
"""How the names of databases begin that last for one test."""


def free_port() -> int:
    """Ask the kernel for a port of 127.0.0.1 that no one listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def memory() -> str | None:
    """Return a directory in memory that has room for several servers, None if there is none."""
    try:
        is_large = shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    except OSError:
        return None
    return MEMORY if is_large and os.access(MEMORY, os.W_OK | os.X_OK) else None


def has_apparmor() -> bool:
    """Return whether the kernel keeps programs to the files that AppArmor's rules give them."""
    try:
        return Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except OSError:
        return False


class Server(ABC):
    """A server process with its own temporary directory, on a free port of 127.0.0.1.

    Use it as a context manager. The process also ends when pytest is interrupted or killed.

    :param files: Extra files (certificates, keys) put into the data directory, name to content; the server
        is started there, so its options can name them without a path.
    """

    label: ClassVar[str]
    system_user: ClassVar[str]
    shutdown_signal: ClassVar[signal.Signals]
    in_memory: ClassVar[bool] = True
    """Whether its data may lie in a file system in memory, where the system has one: it need not survive anything."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._files = dict(files or {})
        self._root: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @abstractmethod
    def programs(self) -> list[Path]:
        """Return the programs that make and serve a data directory, the latter last.

        :raises ServerStartError: One is not installed.
        """

    @abstractmethod
    def initialise(self) -> None:
        """Make the data directory."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that serves the data directory on :attr:`port`."""

    @abstractmethod
    def probe(self) -> bool:
        """Log in as the administrator; False while the server is not ready."""

    @abstractmethod
    def create_account(self) -> None:
        """Create the application's user and database."""

    @abstractmethod
    def create_database(self, name: str) -> None:
        """Create a database that the application's user may do everything in."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""

    @property
    @abstractmethod
    def admin(self) -> Address:
        """The administrator's account."""

    @property
    def app(self) -> Address:
        """The application's account, with its hostile password, on the database ``app``."""
        return self.app_on("app")

    def app_on(self, database: str) -> Address:
        """The application's account on another database."""
        return Address(HOST, self.port, APP_USER, APP_PASSWORD, database)

    @property
    def directory(self) -> Path:
        """The server's temporary directory."""
        if self._root is None:
            msg = f"the {self.label} server has not been started"
            raise ServerStartError(msg)
        return self._root

    @property
    def data(self) -> Path:
        """The data directory; :attr:`files` are here."""
        return self.directory / "data"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            msg = f"the {self.label} server is not running"
            raise ServerStartError(msg)
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Initialise the data directory, start the server and wait until an administrator can log in.

        :raises ServerStartError: The program is missing or ended; the message has the end of its log.
        """
        self._root = Path(tempfile.mkdtemp(prefix=f"osiris-{self.label}-", dir=memory() if self.in_memory else None))
        atexit.register(self.stop)
        try:
            self._own(self._root)
            self.initialise()
            self._write_files()
            self._serve()
            self.create_account()
        except BaseException:
            self.stop()
            raise

    def crash(self) -> None:
        """Kill the server and the processes that it started, which leaves its data as it is."""
        family = {self.pid}
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                words = status.read_text().rpartition(")")[2].split()
                family |= {int(status.parent.name)} if int(words[1]) == self.pid else set()
        for process in family:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._end_process()

    def restart(self) -> None:
        """Serve the same data again after a crash, on another port."""
        self._serve()

    def stop(self) -> None:
        """End the server and remove its directory; may be called twice."""
        atexit.unregister(self.stop)
        self._end_process()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None

    def make_data(self, command: Sequence[str]) -> None:
        """Make the data directory by one of the server's tools, or copy what it made for another server of the kind."""
        make_or_copy(f"{self.label}{command[0]}", self.data, lambda: self.run(command))

    def run(self, command: Sequence[str]) -> None:
        """Run one of the server's tools as the server's user; its output is the error's text."""
        done = subprocess.run(
            self._unprivileged(command), cwd=self.directory, env=self._env(), capture_output=True, check=False
        )
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace")
            msg = f"{command[0]} ended with code {done.returncode}:\n{output}"
            raise ServerStartError(msg)

    def _serve(self) -> None:
        for _ in range(PORT_TRIES):
            self.port = free_port()
            self._launch()
            if self._await_ready():
                return
            # Somebody else may have taken the port between the question and the bind; anything else is final.
            if not _is_taken(self.port):
                break
        msg = f"{self.label} ended before it was ready. The end of its log:\n{self._log_tail()}"
        raise ServerStartError(msg)

    def _launch(self) -> None:
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._unprivileged(self.command()),
                cwd=self.data,
                env=self._env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal is pytest's to handle: its fixtures then stop the server.
                start_new_session=True,
            )

    def _await_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._exited_within(0.05):
                return False
            if self.probe():
                return True
        msg = f"{self.label} did not answer within {START_SECONDS:.0f} s. Its log:\n{self._log_tail()}"
        raise ServerStartError(msg)

    def _exited_within(self, seconds: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _end_process(self) -> None:
        if self._process is not None and not self._exited_within(0):
            self._process.send_signal(self.shutdown_signal)
            if not self._exited_within(10):
                self._process.kill()
                self._process.wait()
        self._process = None

    def _unprivileged(self, command: Sequence[str]) -> list[str]:
        """Prefix a command so that it never runs as root and ends when this process does."""
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            return list(command)
        prefix = [setpriv, "--pdeathsig", self.shutdown_signal.name.removeprefix("SIG")]
        if os.geteuid() == 0:
            account = self._account()
            prefix += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        return [*prefix, *command]

    def _env(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "MYSQL", "MARIADB"))}
        # A developer's locale must not decide in which language the server speaks.
        return {**kept, "LC_ALL": "C", "HOME": str(self.directory)}

    def _write_files(self) -> None:
        for name, content in self._files.items():
            path = self.data / name
            path.write_bytes(content)
            path.chmod(0o600)
            self._own(path)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            account = self._account()
            os.chown(path, account.pw_uid, account.pw_gid)

    def _account(self) -> pwd.struct_passwd:
        """Neither server starts as root: take the account its package made, or the one everybody has."""
        try:
            return pwd.getpwnam(self.system_user)
        except KeyError:
            return pwd.getpwnam("nobody")

    def _log_tail(self) -> str:
        log = self.directory / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else "(empty)"
