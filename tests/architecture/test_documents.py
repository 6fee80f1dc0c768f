"""The documents say what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from osiris_provider.cli.main import main
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.validate import validate_file
from osiris_provider.connectors import get_connector
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.base import BaseDriver

from tests.architecture.documents import blocks_of
from tests.architecture.source import CODE, ROOT
from tests.architecture.test_style import MAX_FILE_LINES, MAX_FUNCTION_LINES

DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
]
FILES = [
    (document, block.code)
    for document in ("README.md", "docs/connections.md", "docs/mysql.md", "docs/postgres.md", "docs/adding-a-family.md")
    for block in blocks_of(document)
    if block.language == "yaml" and "connections:" in block.code and "redis" not in block.code
]
TESTS = set(re.findall(r"def (test_\w+)", "\n".join(path.read_text(encoding="utf-8") for path in CODE)))


@pytest.mark.parametrize(("document", "text"), FILES, ids=[document for document, _ in FILES])
def test_connections_files_resolve(document: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHOP_PASSWORD", "ARCHIVE_PASSWORD", "SNOWFLAKE_PASSWORD"):
        monkeypatch.setenv(name, document)
    file = tmp_path / "osiris_connections.yaml"
    file.write_text(text)
    _, problems, warnings = validate_file(file)
    # Not all providers are installed where the tests run.
    assert (problems, [one for one in warnings if "no provider installed here" not in one.message]) == ([], [])
    for connection in list_connections(file):
        assert resolve_connection(ConnectionRef(connection["family"], connection["alias"]), file)


def test_first_screen_of_the_readme() -> None:
    install, file, dag, doctor = blocks_of("README.md")[:4]
    assert "pip install airflow-provider-osiris" in install.code
    assert len(file.code.splitlines()) == len(dag.code.splitlines()) == 8
    assert doctor.code.startswith("$ osiris connections doctor")


def test_dag_of_the_readme() -> None:
    (block,) = [block for block in blocks_of("README.md") if block.language == "python"]
    names: dict[str, Any] = {}
    exec(block.code, names)  # noqa: S102 - it is this repository's own
    users, write = names["users"], names["users"].downstream_list[0]
    assert write.task_id == "write"
    for task in (users, write):
        driver = get_driver(task.driver)
        assert isinstance(driver, BaseDriver)
        config = {name: value for name, value in task.config.items() if name != "connection"}
        assert driver.config_model.model_validate(config)


def test_doctors_output_has_the_form_that_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "osiris_connections.yaml"
    file.write_text("version: 1\nconnections:\n  duckdb:\n    default: {path: ':memory:'}\n")
    main(["connections", "doctor", "--file", str(file)])
    shown = next(block.code for block in blocks_of("README.md") if "connections doctor" in block.code)
    assert capsys.readouterr().out.splitlines()[0].split() == shown.splitlines()[1].split()


def test_tables_are_those_of_the_models() -> None:
    command = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("rule", range(1, 22))
def test_every_rule_has_its_row_its_code_and_its_tests(rule: int) -> None:
    text = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
    (row,) = [line for line in text.splitlines() if line.startswith(f"| CONN-{rule:03} ")]
    _, _, code, tests = row.strip("| ").split(" | ")
    named = re.findall(r"`(test_\w+)`", tests)
    assert named
    assert set(named) <= TESTS
    assert any(name.startswith(f"test_conn_{rule:03}_") for name in named)
    folder = Path()
    for path in re.findall(r"`([\w/*]+\.py)`", code):
        folder = Path(path).parent if "/" in path else folder
        assert list((ROOT / "osiris_provider" / folder).glob(Path(path).name)), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_that_are_shown_exist(document: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for command in re.findall(r"osiris connections (list|doctor|validate|schema|unchecked)\b((?: --[\w-]+)*)", text):
        assert main(["connections", command[0], "--help"]) == 0
        shown = capsys.readouterr().out
        assert all(option in shown for option in command[1].split())


def test_the_editor_hint_is_yaml() -> None:
    hints = [block.code for block in blocks_of("docs/connections.md") if "yaml-language-server" in block.code]
    assert [yaml.safe_load(hint) for hint in hints] == [None]


@pytest.mark.parametrize("family", ["airflow", "api", "duckdb", "mysql", "postgres", "shopify", "supabase"])
def test_every_field_is_in_its_table(family: str) -> None:
    text = (ROOT / "docs" / "fields.md").read_text(encoding="utf-8")
    section = text.partition(f"`{family}`, connection type")[2].partition("\n## ")[0]
    for spec in get_connector(family).model.fields():
        assert f"| `{spec.name}`" in section


@pytest.mark.parametrize("top", ["osiris_provider", "tests"])
def test_every_room_has_its_line_for_contributors(top: str) -> None:
    tree = next(block.code for block in blocks_of("CONTRIBUTING.md") if block.code.startswith("osiris_provider/"))
    named = set(re.findall(r"(\w+)/(?= |$)", tree, re.MULTILINE))
    there = {path.parent.name for path in ROOT.glob(f"{top}/*/*.py")}
    assert there - named == set()


def test_contributors_read_the_order_of_imports_that_is_enforced() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.findall(
        r"\w+", " ".join(re.findall(r'^    "(.*)",$', pyproject.split("layers = [")[1].split("]")[0], re.MULTILINE))
    )
    said = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("Imports go down only: ")[1].split(". ")[0]
    assert re.findall(r"\w+", said) == [
        layer for layer in layers if (ROOT / "osiris_provider" / layer).is_dir() or layer in ("errors", "messages")
    ]


def test_what_contributors_may_look_for_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("What you may look for first:\n\n")[2].partition("\n\n")[0]
    paths = re.findall(r"`([\w/<>]+(?:\.py|/))`", table)
    assert len(paths) > 10
    assert [one for one in paths if not list(ROOT.glob(f"osiris_provider/{one.replace('<family>', '*')}"))] == []


def test_contributors_read_the_limits_that_are_enforced() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"Functions of at most {MAX_FUNCTION_LINES} lines" in text
    assert f"files of at most {MAX_FILE_LINES}," in text
