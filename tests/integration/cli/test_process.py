"""The command line as a process: what it imports, terminals, pipes and Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

import pymysql
import pytest
import yaml

from tests.airflow.versions import since_3_2
from tests.faults.peers import Peer, silent
from tests.servers import Address
from tests.unit.connection_files import SAMPLES, write
from tests.unit.pipeline_files import write_pipeline

OSIRIS = [sys.executable, "-m", "osiris_provider"]
AIRFLOW_OSIRIS = [str(Path(sys.executable).with_name("airflow")), "osiris"]
HEALTHY = "version: 1\nconnections:\n  duckdb:\n    memory: {path: ':memory:'}\n"
LOADED = """\
import sys
from osiris_provider.cli.main import main
code = main(sys.argv[1:])
print("modules", code, *(name for name in sys.modules if "." not in name), file=sys.stderr)
"""
ERASED = "\x1b[2K"
"""What a terminal takes for: this line is to be empty."""
HEAVY = {"airflow", "duckdb", "pandas", "polars", "psycopg2", "pyarrow", "pycares", "pymysql", "requests", "sqlalchemy"}


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], []),
        (["connections", "--help"], []),
        (["connections", "list", "--json"], []),
        (["connections", "list"], ["rich"]),
        (["connections", "validate", "--no-variables"], []),
        (["connections", "schema"], []),
        (["connections", "doctor", "@duckdb.memory", "--json"], ["duckdb"]),
        (["connections", "doctor", "@duckdb.memory"], ["duckdb", "rich"]),
    ],
    ids=" ".join,
)
def test_what_a_command_imports(arguments: list[str], allowed: list[str], tmp_path: Path) -> None:
    text = SAMPLES + HEALTHY.partition("connections:\n")[2]
    write(tmp_path, text)
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    # Where nobody looks for garbage at the end, DuckDB says after it what has stayed.
    [line] = [line for line in done.stderr.splitlines() if line.startswith("modules ")]
    code, *modules = line.split()[1:]
    assert code == "0"
    assert "airflow" not in modules
    assert (HEAVY | {"rich"}) & set(modules) <= {*allowed} | ({"numpy"} if "duckdb" in allowed else set())


@pytest.mark.parametrize("command", [OSIRIS, [str(Path(sys.executable).parent / "osiris")]], ids=["module", "script"])
def test_ways_to_start(command: list[str], tmp_path: Path) -> None:
    file = write(tmp_path, HEALTHY)
    arguments = [*command, "connections", "doctor", "--json", "--file", str(file)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["connections"][0]["ok"]
    assert done.stderr == ""


class Terminal:
    """A pseudo-terminal and what was written to it."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self.text = ""

    def read_until(self, wanted: str | None = None) -> str:
        """Read until a text comes, or to the end."""
        while wanted is None or wanted not in self.text:
            try:
                data = os.read(self._reading, 4096)
            except OSError:
                # Linux says that the other end is closed with EIO.
                data = b""
            if not data:
                assert wanted is None, f"{wanted!r} did not come: {self.text!r}"
                break
            self.text += data.decode()
        return self.text


@contextmanager
def terminal() -> Iterator[tuple[Terminal, int]]:
    """Yield a terminal to read from, and the file descriptor to give to a process; it is closed after the start."""
    reading, writing = pty.openpty()
    try:
        yield Terminal(reading), writing
    finally:
        os.close(reading)


@pytest.mark.parametrize("as_json", [False, True])
def test_conn_020_interrupted_shows_what_is_known(as_json: bool, tmp_path: Path) -> None:
    with Peer(silent) as peer, terminal() as (screen, writing):
        text = f"{HEALTHY}  mysql:\n    silent: {{host: 127.0.0.1, port: {peer.port}, user: u, password: s3cret}}\n"
        arguments = ["--timeout", "100", "--file", str(write(tmp_path, text)), *(["--json"] if as_json else [])]
        process = subprocess.Popen(
            [*OSIRIS, "connections", "doctor", *arguments], stdout=subprocess.PIPE, stderr=writing, text=True
        )
        os.close(writing)
        screen.read_until("1 of 2 checked")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
        screen.read_until()
    assert process.returncode == 130
    assert "interrupted" in screen.text
    assert "Traceback" not in screen.text
    assert "s3cret" not in screen.text + out
    if as_json:
        (known,) = json.loads(out)["connections"]
        assert (known["alias"], known["ok"]) == ("memory", True)
    else:
        assert "memory" in out
        assert "silent" not in out


def test_live_progress_and_colours_are_for_terminals(tmp_path: Path) -> None:
    command = [*OSIRIS, "connections", "doctor", "--file", str(write(tmp_path, HEALTHY))]
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    environ.pop("NO_COLOR", None)
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal() as (screen, writing):
            process = subprocess.Popen(command, stdout=writing, stderr=writing, env={**environ, **extra})
            os.close(writing)
            screen.read_until()
            assert process.wait() == 0
        assert "1 of 1 healthy" in screen.text
        assert ("\x1b[32mok" in screen.text) is coloured
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "bar"),
    [(["connections", "doctor"], "1 of 1 checked"), (["pipelines", "run", "one.yaml"], "1 of 1 steps")],
)
def test_nothing_is_left_of_live_progress(command: list[str], bar: str, tmp_path: Path) -> None:
    write(tmp_path, HEALTHY)
    write_pipeline(tmp_path, "steps: [{id: one, driver: duckdb.processor, config: {query: SELECT 1 AS n}}]", "one.yaml")
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    with terminal() as (screen, writing):
        words = [*OSIRIS, *command]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=writing, env=environ, cwd=tmp_path)
        os.close(writing)
        screen.read_until()
        assert process.wait() == 0
    before, shown, after = screen.text.rpartition(bar)
    assert shown, before
    assert ERASED in after


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_has_gone(form: list[str], tmp_path: Path) -> None:
    aliases = "".join(f"    a{number}: {{path: ':memory:'}}\n" for number in range(2000))
    file = write(tmp_path, f"version: 1\nconnections:\n  duckdb:\n{aliases}")
    process = subprocess.Popen(
        [*OSIRIS, "connections", "list", *form, "--file", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait() == 141


@pytest.mark.parametrize(
    "command",
    ["connections list", "connections list --json", "--version", "--help", "state -h", "health -h", "staging gc -h"],
)
def test_an_output_without_room(command: str, tmp_path: Path) -> None:
    write(tmp_path, HEALTHY)
    with Path("/dev/full").open("w") as full:
        words = [*OSIRIS, *command.split()]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 74
    assert done.stderr == "error: the output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("connections list --file {file}", ""),
        ("pipelines init", "error: The working directory has been removed. Change to another.\n"),
        ("state list --url state", "error: 'state' is neither a URL, such as"),
    ],
)
def test_a_working_directory_that_is_gone(command: str, said: str, tmp_path: Path) -> None:
    words = shlex.join([*OSIRIS, *command.format(file=write(tmp_path, HEALTHY)).split()])
    script = f"mkdir gone; cd gone; rmdir ../gone; {words}"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith(said)) == (3 if said else 0, True), done.stderr


@pytest.mark.parametrize("path", ["/data/été/💾.duckdb", "/data/a.duckdb"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_terminal_without_the_letters(form: list[str], path: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"version: 1\nconnections:\n  duckdb:\n    a: {{path: '{path}'}}\n")
    done = subprocess.run(
        [*OSIRIS, "connections", "list", *form, "--file", str(file)],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert b".duckdb" in done.stdout
    assert b"\\u2500" not in done.stdout, "the line below the heads"
    assert done.stderr == b""


@pytest.mark.parametrize("closed", [1, 2])
@pytest.mark.parametrize("command", ["list", "doctor"])
def test_an_output_that_the_shell_has_closed(command: str, closed: int, tmp_path: Path) -> None:
    script = f"{shlex.join([*OSIRIS, 'connections', command, '--file', str(write(tmp_path, HEALTHY))])} {closed}>&-"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert "bug" not in done.stderr
    assert bool(done.stdout) is (closed == 2)


def test_what_airflow_logs_while_it_starts_is_not_in_the_result(tmp_path: Path) -> None:
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "/dev/null/logs"}
    command = [*OSIRIS, "connections", "doctor", "--json", "not_there"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **home})
    assert "Could not create log folder" in done.stderr
    assert json.loads(done.stdout)["alias"] == "not_there"


def test_a_step_that_fails_leaves_nothing_for_duckdb_to_complain_of(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, 'steps: [{id: a, driver: duckdb.processor, config: {query: "SELECT 1 AS n"}}]')
    # As a process ends that no test has started.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ["AIRFLOW__OSIRIS__FILE_MODE"] = "none"
    command = [*OSIRIS, "pipelines", "run", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert "is no mode" in done.stdout
    assert (done.returncode, done.stderr) == (1, "a …\n")


ENDLESS = """\
steps:
  - {id: numbers, driver: duckdb.processor, config: {query: "SELECT 42 AS n"}}
  - {id: endless, driver: mysql.extractor, config: {connection: "@mysql.default", query: "SELECT SLEEP(600)"}}
"""


def _at_work(server: Address) -> bool:
    """Whether the server does what :data:`ENDLESS` has asked for."""
    query = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600)%'"
    # PyMySQL itself knows no other letters than those of Latin-1.
    login = {**asdict(server), "password": server.password.encode()}
    with closing(pymysql.connect(**login)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return bool(cursor.fetchone() != (0,))


def _until(wanted: bool, server: Address) -> None:
    end = time.monotonic() + 30
    while _at_work(server) is not wanted:
        assert time.monotonic() < end, "the server did not begin, or did not stop"
        time.sleep(0.05)


# Also where the tests themselves were started with nohup.
HEARS_HANGUP = [
    *(sys.executable, "-c"),
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]


@pytest.mark.parametrize(
    ("before", "number", "command"),
    [
        (HEARS_HANGUP, signal.SIGTERM, OSIRIS),
        (HEARS_HANGUP, signal.SIGHUP, OSIRIS),
        (["nohup"], signal.SIGTERM, OSIRIS),
        pytest.param(HEARS_HANGUP, signal.SIGTERM, AIRFLOW_OSIRIS, marks=since_3_2),
    ],
)
def test_a_run_that_is_ended_leaves_nothing_behind(
    before: list[str], number: signal.Signals, command: list[str], tmp_path: Path, mysql_database: Address
) -> None:
    write(tmp_path, yaml.safe_dump({"version": 1, "connections": {"mysql": {"default": asdict(mysql_database)}}}))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [*before, *command, "pipelines", "run", str(write_pipeline(tmp_path, ENDLESS))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OSIRIS_HOME": str(tmp_path), "TMPDIR": str(temporary)},
        text=True,
    )
    try:
        _until(True, mysql_database)
        assert list(temporary.rglob("*.parquet")), "else there is nothing to leave behind"
        if before != HEARS_HANGUP:
            # Who starts a command with nohup wants it to go on.
            process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            assert process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (128 + number, "")
    assert err.splitlines()[-1] == f"ended by {number.name}"
    assert "Traceback" not in err
    assert list(temporary.iterdir()) == []
    _until(False, mysql_database)
