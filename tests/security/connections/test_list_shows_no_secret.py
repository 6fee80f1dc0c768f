"""A secret that stands in a public field as well is not shown by ``list``, as doctor does not show it (CONN-011)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osiris_provider.cli.main import main
from osiris_provider.connections.listing import list_connections
from osiris_provider.connectors import get_connector

SECRET = "c4nary/pa55"


def _file(directory: Path, *lines: str) -> Path:
    path = directory / "osiris_connections.yaml"
    written = "".join(f"      {line}\n" for line in lines)
    path.write_text(f"version: 1\nconnections:\n  mysql:\n    main:\n{written}", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("secret", "host", "exit_code"),
    [
        ("c4nary-pa55", "db-c4nary-pa55.example", 1),
        ("c4nary-pa55", "${CANARY}", 1),
        *(
            (SECRET, host, 3)
            for host in (SECRET, f"db-{SECRET}.example", "c4nary%2Fpa55", "${CANARY}", "c4nary%2fpa55.example")
        ),
        (SECRET, f"'{SECRET}?x'", 3),
    ],
)
def test_a_public_field_that_holds_a_secret_is_masked(
    secret: str,
    host: str,
    exit_code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CANARY", secret)
    file = _file(tmp_path, f"host: {host}", "user: u", "password: ${CANARY}", "database: shop")
    (listed,) = list_connections(file)
    assert (listed["host"], listed["database"]) == ("***", "shop")
    assert main(["connections", "list", "--file", str(file)]) == 0
    assert main(["connections", "doctor", "--timeout", "0.2", "--file", str(file)]) == exit_code
    assert "c4nary" not in "".join(capsys.readouterr())


def test_a_secret_whose_variable_is_not_set_hides_nothing(tmp_path: Path) -> None:
    file = _file(tmp_path, "host: db.example.com", "user: u", "password: ${NEVER_SET_ANYWHERE}")
    assert list_connections(file)[0]["host"] == "db.example.com"


def test_a_secret_behind_a_variable_that_is_not_set_is_masked_all_the_same(tmp_path: Path) -> None:
    file = _file(tmp_path, "note: ${NEVER_SET_ANYWHERE}", f"password: {SECRET}", f"host: {SECRET}.example", "user: u")
    assert list_connections(file)[0]["host"] == "***"


@pytest.mark.parametrize(
    "host",
    [
        f"https://u:{SECRET}@${{NEVER_SET}}",
        f"https://${{NEVER_SET}}/?key={SECRET}",
        f"https://${{NEVER_SET:{SECRET}@db",
        f"${{NEVER_SET:-u:{SECRET}@db}}${{NEVER_SET}}",
        f"db-${{NEVER_SET}}-{SECRET}",
        f"{{key: {SECRET}, of: '${{NEVER_SET}}'}}",
        "https://${NEVER_SET}:${NEVER_SET}@db",
    ],
)
def test_what_stands_beside_a_variable_that_is_not_set_is_masked(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _file(tmp_path, f"host: {host}", "user: u", f"password: {SECRET}")
    assert list_connections(file)[0]["host"] == "***"
    assert main(["connections", "list", "--file", str(file)]) == 0
    assert "c4nary" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("host", ["db-${NEVER_SET}", "https://${NEVER_SET}:${NEVER_SET}/v1", "${NEVER_SET:-db}${NO}"])
def test_a_variable_that_is_not_set_is_shown_as_it_is_written(host: str, tmp_path: Path) -> None:
    file = _file(tmp_path, f"host: {host}", "user: u", f"password: {SECRET}")
    assert list_connections(file)[0]["host"] == host


def test_doctor_masks_it_too() -> None:
    connection: dict[str, Any] = {"family": "mysql", "alias": "x", "host": f"{SECRET}.invalid", "user": "u"}
    _, verdict = get_connector("mysql").doctor({**connection, "password": SECRET}, 1)
    assert "c4nary" not in str(verdict)
