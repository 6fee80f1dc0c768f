"""``connections doctor`` on connections that only Airflow knows, with its own command line and without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from osiris_provider.cli.main import main

from tests.airflow.versions import since_3_2
from tests.servers import Address

PASSWORD = "wrong-canary-4711"
RunHere = Callable[[str], tuple[int, Any, str]]


@pytest.fixture
def stored(airflow_database: None, postgres_database: Address) -> Iterator[str]:  # noqa: ARG001 - it has to be there
    """The id of a connection in Airflow's database."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    fields = {"login": postgres_database.user, "password": PASSWORD, "schema": postgres_database.database}
    with create_session() as session:
        session.add(
            Connection(
                conn_id="Stored-1",
                conn_type="postgres",
                host=postgres_database.host,
                port=postgres_database.port,
                **fields,
            )
        )
    yield "Stored-1"
    with create_session() as session:
        session.query(Connection).filter_by(conn_id="Stored-1").delete()


def run(command: list[str], folder: Path, *arguments: str, **variables: str) -> tuple[int, Any, str]:
    """The exit code of a command, its JSON, and all that it has written."""
    program, *first = command
    path = str(Path(sys.executable).with_name(program))
    done = subprocess.run(
        [path, *first, "connections", "doctor", "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **variables},
    )
    return done.returncode, json.loads(done.stdout or "null"), done.stdout + done.stderr


@pytest.fixture
def here(
    airflow_database: None,  # noqa: ARG001 - it is asked for what the environment does not have
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> RunHere:
    """What ``run`` does, without a process that starts and imports Airflow."""
    monkeypatch.chdir(tmp_path)

    def here(asked: str) -> tuple[int, Any, str]:
        code = main(["connections", "doctor", "--json", asked])
        out, err = capfd.readouterr()
        return code, json.loads(out or "null"), out + err

    return here


def given(address: Address, **changes: Any) -> Mapping[str, Any]:
    fields = {"login": address.user, "password": address.password, "schema": address.database}
    return {"conn_type": "postgres", "host": address.host, "port": address.port, **fields, **changes}


def test_a_connection_of_airflows_database(stored: str, tmp_path: Path) -> None:
    code, report, said = run(["osiris"], tmp_path, stored)
    assert code == 1, said
    assert (report["family"], report["alias"], report["category"]) == ("airflow", stored, "auth")
    assert "canary" not in said


@since_3_2
def test_a_connection_of_the_environment_in_airflows_own_command(postgres_database: Address, tmp_path: Path) -> None:
    variable = json.dumps(given(postgres_database))
    code, report, said = run(["airflow", "osiris"], tmp_path, "warehouse", AIRFLOW_CONN_WAREHOUSE=variable)
    assert code == 0, said
    assert (report["family"], report["alias"], report["ok"]) == ("airflow", "warehouse", True)


@pytest.mark.parametrize("asked", ["warehouse", "@airflow.warehouse"])
def test_a_connection_of_the_environment(
    asked: str, postgres_database: Address, here: RunHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(given(postgres_database)))
    code, report, said = here(asked)
    assert code == 0, said
    assert (report["family"], report["alias"], report["ok"]) == ("airflow", "warehouse", True)


def test_what_the_file_has_needs_no_airflow(postgres_database: Address, tmp_path: Path) -> None:
    path = tmp_path / "osiris_connections.yaml"
    entries = {"My-Conn": dict(given(postgres_database)), "other": dict(given(postgres_database, password=PASSWORD))}
    path.write_text(yaml.safe_dump({"version": 1, "connections": {"airflow": entries}}))
    argv = ["connections", "doctor", "--json", "--file", str(path)]
    code = (
        "import sys; from osiris_provider.cli.main import main\n"
        "one = [['My-Conn'], ['--family', 'airflow', '--alias', 'My-Conn'], []]\n"
        f"codes = [main([*{argv!r}, *rest]) for rest in one]\n"
        "print(codes, 'airflow' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[0, 0, 1] False"
    assert '"alias": "My-Conn"' in done.stdout
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("asked", ["not_there", "Not-There.2"])
def test_what_no_one_knows(asked: str, here: RunHere) -> None:
    code, report, said = here(asked)
    assert code == 3, said
    assert report["details"]["fault"] == "no_such_connection"
    assert f"Airflow has no connection {asked}" in report["message"]


@pytest.mark.parametrize("asked", ["not an id", "a/b", "", "..", "mysql.default"])
def test_what_is_neither_reference_nor_id_is_wrong_usage(asked: str, here: RunHere) -> None:
    code, report, said = here(asked)
    assert (code, report) == (2, None), said
