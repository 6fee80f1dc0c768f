"""A running Airflow: api-server, scheduler, dag-processor and triggerer, each a process of its own."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import requests
from typing_extensions import Self

from tests.servers.address import Address
from tests.servers.airflow.rest import USERS, Rest, until
from tests.servers.process import HOST, free_port
from tests.servers.templates import make_or_copy_airflow

START_SECONDS: Final = 180.0
COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


class AirflowServer:
    """A throwaway Airflow with an AIRFLOW_HOME of its own, on a free port of 127.0.0.1.

    Use it as a context manager. All connection tests are allowed.

    :param metadata: an empty database of a PostgreSQL server; None is Airflow's default, a SQLite file.
    :param dags: directory of the DAG files.
    :param environment: further variables of all processes, such as ``AIRFLOW__…`` settings.
    :param components: those to start, with :meth:`start`, at once; an API server that is alone serves no tasks.
    """

    def __init__(
        self,
        metadata: Address | None,
        dags: Path,
        environment: Mapping[str, str] | None = None,
        components: tuple[str, ...] = tuple(COMPONENTS),
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="osiris-airflow-"))
        self.port = free_port()
        settings = {**self._settings(dags), **_database(metadata)}
        self.environment = {**_environment(), **settings, **(environment or {})}
        self._components = components
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        atexit.register(self.stop)

    @property
    def origin(self) -> str:
        """Where the UI is, such as ``http://127.0.0.1:8080``."""
        return f"http://{HOST}:{self.port}"

    @property
    def logs(self) -> Path:
        """Directory of all logs: those of the tasks, and ``<component>.log`` of the processes."""
        return self.home / "logs"

    def __enter__(self) -> Self:
        try:
            self._prepare()
            for component in self._components:
                self.start(component)
                if component == "api-server":
                    # What a scheduler starts before the API answers fails at once.
                    until(self.is_healthy, "API server", START_SECONDS)
            until(self.is_healthy, "healthy Airflow", START_SECONDS)
        except BaseException:
            print(self.log_tails(), file=sys.stderr)  # noqa: T201 - pytest shows it with the failure
            self.stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self, component: str) -> None:
        """Start a component, or start it again.

        :param component: such as ``triggerer``.
        """
        with (self.logs / f"{component}.log").open("ab") as log:
            self._processes[component] = subprocess.Popen(
                _mortal([*self._airflow(), component, *COMPONENTS[component], *self._apps(component)]),
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, component: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill a component with all processes that it started, and wait for its end.

        :param component: such as ``triggerer``.
        :param how: SIGTERM lets it tidy up.
        """
        process = self._processes.pop(component)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End all processes and remove the directory; may be called twice."""
        atexit.unregister(self.stop)
        for component in list(self._processes):
            self.kill(component, signal.SIGTERM)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run an ``airflow`` command with the settings of this Airflow, and return its exit code and output.

        :param arguments: such as ``"connections", "test", "osiris_mysql_default"``.
        :param environment: further variables.
        """
        return subprocess.run(
            [*self._airflow(), *arguments],
            cwd=self.home,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def rest(self, user: str = "admin") -> Rest:
        """Return the REST API, logged in.

        :param user: one of :data:`USERS`.
        """
        return Rest(self.origin, user)

    def is_healthy(self) -> bool:
        """Return whether all components that were started say so."""
        with suppress(requests.RequestException):
            health = requests.get(f"{self.origin}/api/v2/monitor/health", timeout=10).json()
            started = {component.replace("-", "_") for component in self._processes} - {"api_server"}
            return all(health[name]["status"] == "healthy" for name in started)
        return False

    def log_tails(self, lines: int = 30) -> str:
        """Return the ends of the logs of all processes."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            for log in sorted(self.logs.glob("*.log"))
        )

    def _prepare(self) -> None:
        self.logs.mkdir(parents=True)
        (self.home / "passwords.json").write_text(json.dumps({name: name for name in USERS}))
        if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in self.environment:
            self._migrate()
        else:
            make_or_copy_airflow(self.home / "airflow.db", self._migrate)

    def _migrate(self) -> None:
        """Make the tables of an empty database."""
        done = self.run("db", "migrate")
        if done.returncode != 0:
            msg = f"airflow db migrate ended with code {done.returncode}:\n{done.stdout}{done.stderr}"
            raise RuntimeError(msg)

    def _apps(self, component: str) -> tuple[str, ...]:
        return ("--apps", "core") if self._components == ("api-server",) == (component,) else ()

    def _airflow(self) -> list[str]:
        return [sys.executable, "-m", "airflow"]

    def _settings(self, dags: Path) -> dict[str, str]:
        written = {
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.origin}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__PARALLELISM": "6",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "CORE__TEST_CONNECTION": "Enabled",
            "API__BASE_URL": self.origin,
            "API__HOST": HOST,
            "API__PORT": str(self.port),
            "API__SECRET_KEY": secrets.token_hex(16),
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "OSIRIS__STAGING_URL": (self.home / "staging").as_uri(),
            "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            # Seconds that a task waits for an answer: on a busy machine the usual 5 are not enough.
            "WORKERS__EXECUTION_API_TIMEOUT": "60",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {"AIRFLOW_HOME": str(self.home), **{f"AIRFLOW__{name}": value for name, value in written.items()}}


def _database(metadata: Address | None) -> dict[str, str]:
    if metadata is None:
        return {}
    url = f"{quote(metadata.user)}:{quote(metadata.password, safe='')}@{metadata.host}:{metadata.port}"
    # Which of the two is installed differs between versions of Airflow.
    driver = "psycopg_async" if find_spec("psycopg") else "asyncpg"
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{url}/{metadata.database}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+{driver}://{url}/{metadata.database}",
    }


def _environment() -> dict[str, str]:
    foreign = ("AIRFLOW_", "_AIRFLOW_", "OSIRIS_", "PG", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "NO_PROXY": HOST, "no_proxy": HOST}


def _mortal(command: list[str]) -> list[str]:
    """Prefix a command so that it ends when this process does."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command
