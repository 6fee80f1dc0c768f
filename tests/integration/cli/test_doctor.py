"""``osiris connections doctor`` in this process (CONN-020)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.testing.secrecy import CANARY, assert_silent

from tests.faults.peers import Peer, silent
from tests.integration.conftest import Run
from tests.servers import Address, entry
from tests.unit.connection_files import block, write


def test_conn_020_one_connection_is_one_object(run: Run, mysql_database: Address, tmp_path: Path) -> None:
    file = write(tmp_path, _file_of(mysql_database))
    code, out, err = run("connections", "doctor", "--family", "mysql", "--alias", "default", "--json", "--file", file)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert list(report) == ["family", "alias", "ok", "latency_ms", "category", "message", "details"]
    assert report["latency_ms"] > 0
    assert report["details"]["server_version"]
    assert report["details"]["charset"] == "utf8mb4"
    del report["latency_ms"], report["details"]
    assert report == {
        "family": "mysql",
        "alias": "default",
        "ok": True,
        "category": "ok",
        "message": "Connection successful",
    }
    assert_silent(mysql_database.password, out, err)


def test_conn_020_wrong_password(run: Run, mysql_database: Address, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    file = write(tmp_path, _file_of(mysql_database, "${CANARY}"))
    for arguments in (["--json"], []):
        code, out, err = run("connections", "doctor", "@mysql.default", *arguments, "--file", file)
        assert code == 1
        assert "auth" in out
        assert_silent(CANARY, out, err)


def _file_of(address: Address, password: str | None = None) -> str:
    fields = entry(address, password=password or address.password)
    return json.dumps({"version": 1, "connections": {"mysql": {"default": fields}}}, ensure_ascii=False)


def test_a_reference_without_an_alias_shows_an_empty_alias(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, block("host: h"))
    code, out, _ = run("connections", "doctor", "@mysq", "--file", file)
    row = next(line for line in out.splitlines() if line.startswith("mysq "))
    assert (code, row.split()[:3]) == (3, ["mysq", "unknown", "@mysq:"])
    assert "None" not in out
    code, out, _ = run("connections", "doctor", "@mysq", "--json", "--file", file)
    assert (code, json.loads(out)["alias"]) == (3, None)


def test_conn_020_all_connections_in_the_order_of_the_file(run: Run, mixed: Path) -> None:
    code, out, _ = run("connections", "doctor", "--json", "--file", mixed)
    reports = json.loads(out)["connections"]
    assert code == 3
    assert [(report["family"], report["alias"], report["ok"], report["category"]) for report in reports] == [
        ("duckdb", "memory", True, "ok"),
        ("duckdb", "gone", False, "unknown"),
        ("mysql", "twice", False, "unknown"),
        ("mysql", "unset", False, "unknown"),
        ("mysql", "closed", False, "network"),
        ("mysql", "Bad-Alias", False, "unknown"),
    ]
    assert list(json.loads(out)) == ["connections"]


@pytest.mark.parametrize(
    ("arguments", "aliases"),
    [
        (["--family", "duckdb"], ["memory", "gone"]),
        (["@duckdb.gone", "@mysql.closed"], ["gone", "closed"]),
        (["@mysql.closed", "@duckdb.memory", "@duckdb.memory"], ["closed", "memory", "memory"]),
    ],
)
def test_conn_020_some_connections(run: Run, mixed: Path, arguments: list[str], aliases: list[str]) -> None:
    code, out, _ = run("connections", "doctor", *arguments, "--json", "--file", mixed)
    assert code == 1
    assert [report["alias"] for report in json.loads(out)["connections"]] == aliases


def test_conn_020_default_of_a_family(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections:\n  duckdb:\n    default: {path: ':memory:'}\n")
    code, out, _ = run("connections", "doctor", "@duckdb", "--json", "--file", file)
    assert (code, json.loads(out)["alias"]) == (0, "default")


def test_conn_020_unknown_alias_is_a_verdict(run: Run, mixed: Path) -> None:
    code, out, _ = run("connections", "doctor", "@duckdb.memori", "--json", "--file", mixed)
    report = json.loads(out)
    assert (code, report["category"], report["details"]["retryable"]) == (3, "unknown", False)
    assert "Did you mean '@duckdb.memory'?" in report["message"]


def test_a_file_that_may_be_created_is_ok_and_the_message_says_so(run: Run, tmp_path: Path) -> None:
    fields = {"path": str(tmp_path / "new.duckdb")}
    entries = {"may": fields, "may_not": {**fields, "read_only": True}, "cannot": {"path": str(tmp_path / "no" / "x")}}
    file = tmp_path / "osiris_connections.yaml"
    file.write_text(json.dumps({"version": 1, "connections": {"duckdb": entries}}))
    code, out, _ = run("connections", "doctor", "--file", file)
    states = {line.split()[1]: line.split()[2] for line in out.splitlines() if line.startswith("duckdb")}
    assert (code, states) == (1, {"may": "ok", "may_not": "unknown", "cannot": "unknown"})
    assert "; the file does not exist yet, what writes first creates it" in out
    assert not (tmp_path / "new.duckdb").exists()


def test_conn_020_table_for_people(run: Run, mixed: Path) -> None:
    code, out, err = run("connections", "doctor", "--file", mixed)
    lines = out.splitlines()
    assert code == 3
    assert lines[0].split() == ["family", "alias", "status", "latency", "message"]
    assert any(line.split()[:3] == ["duckdb", "memory", "ok"] and "server_version" in line for line in lines)
    assert any(line.split()[:3] == ["mysql", "closed", "network"] for line in lines)
    assert len(lines) == 8
    assert err == "1 of 6 healthy\n"


def test_conn_020_nothing_to_check(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections: {}\n")
    assert run("connections", "doctor", "--file", file) == (0, "", "There is no connection to check.\n")
    code, out, _ = run("connections", "doctor", "--json", "--file", file)
    assert (code, json.loads(out)) == (0, {"connections": []})


def test_conn_020_timeout_is_a_fraction_of_a_second(run: Run, tmp_path: Path) -> None:
    with Peer(silent) as peer:
        file = write(tmp_path, block("host: 127.0.0.1", f"port: {peer.port}", "user: u"))
        code, out, _ = run("connections", "doctor", "@mysql.default", "--timeout", "0.2", "--json", "--file", file)
    assert (code, json.loads(out)["category"]) == (1, "timeout")
    assert "0.2 s" in json.loads(out)["message"]
