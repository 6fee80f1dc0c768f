"""The command line in this process: its outputs and exit codes (CONN-020, 021)."""

from __future__ import annotations

import gc
import json
import logging
import os
from pathlib import Path

import pytest
from osiris_provider import __version__
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import schema as connections_schema
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.pipelines import schema as pipelines_schema
from osiris_provider.testing.secrecy import CANARY, assert_silent

from tests.integration.conftest import Run
from tests.unit.connection_files import SAMPLE_VARIABLES, SAMPLES, block, mysql, write
from tests.unit.connections.test_connections_file import HOSTILE


@pytest.mark.parametrize(
    "arguments",
    [
        ["connections", "doctor", "mysql.default"],
        ["connections", "doctor", "--alias", "default"],
        ["connections", "doctor", "--family", "MySQL", "--alias", "default"],
        ["connections", "doctor", "@mysql.default", "--family", "mysql"],
        ["connections", "doctor", "--timeout", "0"],
        ["connections", "doctor", "--timeout", "nan"],
        ["connections", "doctor", "--timeout", "inf"],
        ["connections", "doctor", "--timeout", "soon"],
        ["connections", "doctor", "--workers", "0"],
        ["connections", "list", "--nosuch"],
        ["connections", "nosuch"],
        ["connections"],
        ["nosuch"],
        [],
    ],
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage:" in err


@pytest.mark.parametrize("command", [[], ["connections"], *(["connections", c] for c in ("list", "doctor", "schema"))])
def test_help(run: Run, command: list[str]) -> None:
    for option in ("--help", "-h"):
        code, out, err = run(*command, option)
        assert (code, err) == (0, "")
        assert out.startswith("Usage: osiris")


def test_version(run: Run) -> None:
    assert __version__ in run("--version")[1]


@pytest.mark.parametrize(
    "content", [pytest.param(content, id=name) for name, (content, _) in HOSTILE.items() if len(content) < 1000]
)
def test_conn_001_a_broken_file_is_one_clear_error(run: Run, tmp_path: Path, content: str | bytes) -> None:
    file = write(tmp_path, content)
    # Each command reads the file in the same way; validate goes on to look for more.
    for command in ("list", "doctor", "validate"):
        code, out, err = run("connections", command, "--file", file)
        assert code == 3
        assert str(file) in out + err
        code, out, _ = run("connections", command, "--json", "--file", file)
        assert code == 3
        assert json.loads(out)


def test_a_configuration_error_as_json(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections:\n  nosuch: {}\n")
    code, out, err = run("connections", "list", "--json", "--file", file)
    error = json.loads(out)["error"]
    assert code == 3
    assert (error["file"], error["line"], error["reference"], error["field"]) == (str(file), 3, None, None)
    assert error["message"] in err


@pytest.mark.parametrize("command", ["list", "doctor", "validate"])
def test_no_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("connections", command)
    assert (code, out) == (3, "")
    assert err.startswith("error: There is no osiris_connections.yaml in")
    assert err.count("\n") == 1


def test_doctor_of_a_family_without_connections(run: Run, mixed: Path) -> None:
    code, _, err = run("connections", "doctor", "--family", "postgres", "--file", mixed)
    assert code == 3
    assert "There is no connection of family postgres" in err


def test_conn_021_list_as_json(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    code, out, err = run("connections", "list", "--json", "--file", file)
    listed = json.loads(out)
    assert (code, err) == (0, "")
    assert listed[0] == {
        "family": "mysql",
        "alias": "default",
        "host": "localhost",
        "database": "mydb",
        "default": True,
    }
    assert listed[3] == {
        "family": "shopify",
        "alias": "main",
        "shop_domain": "mystore.myshopify.com",
        "api_version": "2024-01",
    }


def test_conn_021_list_for_people(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    code, out, _ = run("connections", "list", "--file", file)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["family", "alias", "default", "public", "fields", "source"]
    assert lines[2].split() == ["mysql", "default", "yes", "host=localhost", "database=mydb", f"{file}:4"]


@pytest.mark.parametrize("text", [SAMPLES, "version: 2"], ids=["right", "wrong"])
@pytest.mark.parametrize("collects", [True, False], ids=["on", "off"])
def test_a_list_leaves_garbage_collection_as_it_was(run: Run, tmp_path: Path, text: str, *, collects: bool) -> None:
    was = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        code, _, _ = run("connections", "list", "--file", write(tmp_path, text))
        assert code == (0 if text is SAMPLES else 3)
        assert gc.isenabled() is collects
    finally:
        (gc.enable if was else gc.disable)()


def test_conn_021_list_warns_of_broken_entries(run: Run, mixed: Path) -> None:
    code, out, err = run("connections", "list", "--json", "--file", mixed)
    assert code == 0
    assert len(json.loads(out)) == 5
    assert f"warning: {mixed}:7: @mysql.twice: 'host' stands twice" in err


def test_conn_011_no_secret_in_any_output(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SAMPLE_VARIABLES:
        monkeypatch.setenv(name, CANARY)
    file = write(tmp_path, SAMPLES.replace("localhost", "127.0.0.1").replace("3306", "1"))
    for arguments in (["list"], ["validate"], ["doctor", "--timeout", "0.5"]):
        for form in ([], ["--json"]):
            _, out, err = run("connections", *arguments, *form, "--file", file)
            assert_silent(CANARY, out, err)


def test_validate(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    file = write(tmp_path, mysql("port: abc, password: '${NOT_SET_ANYWHERE}', databse: d"))
    code, out, err = run("connections", "validate", "--file", file)
    assert (code, err) == (3, "")
    lines = out.splitlines()
    assert sorted(line.split(": ")[2] for line in lines[:2]) == ["field password", "field port"]
    assert all(line.startswith(f"{file}:4: @mysql.default: ") for line in lines[:3])
    assert lines[2].split(": ", 2)[2] == (
        "warning: field databse: is not known to family mysql. Did you mean 'database'?"
    )
    assert lines[3] == f"{file}: 2 problems, 1 warning"
    code, out, _ = run("connections", "validate", "--no-variables", "--json", "--file", file)
    assert code == 3
    actual = json.loads(out)
    assert actual["file"] == str(file)
    assert [(problem["line"], problem["field"]) for problem in actual["problems"]] == [(4, "port")]
    assert [warning["field"] for warning in actual["warnings"]] == ["databse"]


def test_validate_a_good_file(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, SAMPLES)
    assert run("connections", "validate", "--no-variables", "--file", file) == (0, f"{file}: ok\n", "")


def test_schema(run: Run) -> None:
    code, out, err = run("connections", "schema")
    assert (code, err) == (0, "")
    assert list(json.loads(out)["$defs"]) == family_names()


def test_unknown_fields_are_warned_of_on_stderr(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections:\n  duckdb:\n    a: {path: ':memory:', pathh: x}\n")
    handlers = list(logging.getLogger("osiris_provider").handlers)
    code, out, err = run("connections", "doctor", "@duckdb.a", "--json", "--file", file)
    assert code == 0
    assert json.loads(out)["ok"]
    assert "Did you mean 'path'?" in err
    assert logging.getLogger("osiris_provider").handlers == handlers


def test_a_bug_is_one_line_without_values(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError(CANARY)

    monkeypatch.setattr("osiris_provider.connections.listing.list_connections", broken)
    code, out, err = run("connections", "list", "--file", write(tmp_path, SAMPLES))
    assert (code, out) == (70, "")
    assert err.count("\n") == 1
    assert "KeyError" in err
    assert_silent(CANARY, err)


def test_square_brackets_and_terminal_codes_of_a_file(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, block('host: "[red]\\e[31mh"', "user: u"))
    _, out, _ = run("connections", "list", "--file", file)
    assert "host=[red]h " in out


def test_a_relative_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, SAMPLES).parent)
    code, out, _ = run("connections", "list", "--file", "osiris_connections.yaml")
    assert code == 0
    # As people would write it where they are.
    assert " osiris_connections.yaml:4" in out
    monkeypatch.chdir("/")
    out = run("connections", "list", "--file", tmp_path / "osiris_connections.yaml")[1]
    assert f"{os.sep}osiris_connections.yaml:4" in out or f" {str(tmp_path)[1:]}" in out


MISTAKES = {
    "connections list": "--file nothing.yaml",
    "connections doctor": "--file nothing.yaml",
    "connections validate": "--file nothing.yaml",
    "connections schema": "",
    "health": "",
    "pipelines run": "broken.yaml",
    "pipelines graph": "broken.yaml",
    "pipelines schema": "",
    "pipelines init": ".",
    "staging gc": "--older-than 1d --url s3://conn@bucket/x",
    "state list": "--url s3://conn@bucket/x",
    "state show": "dag task --url s3://conn@bucket/x",
    "state reset": "dag task --url s3://conn@bucket/x",
}
"""What each command cannot do; a mistake in the configuration of who calls."""
WITHOUT_JSON = ("connections schema", "pipelines graph", "pipelines schema", "pipelines init")


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_is_said_on_stderr_and_on_stdout_only_as_the_json_that_was_asked_for(
    command: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        message = "One of those that are installed cannot be loaded."
        raise ConnectionConfigError(message)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connections_schema, "file_schema", broken)
    monkeypatch.setattr(pipelines_schema, "pipeline_schema", broken)
    for name in ("broken.yaml", "load_pipelines.py"):
        (tmp_path / name).write_text("steps: 5\n")
    words = [*command.split(), *MISTAKES[command].split()]
    code, out, err = run(*words)
    assert (code, out, err.startswith("error: ")) == (3, "", True), err
    if command in WITHOUT_JSON:
        assert run(*words, "--json")[0] == 2
    else:
        code, out, said = run(*words, "--json")
        assert (code, said) == (3, err)
        assert json.loads(out)["error"]["message"] in err
