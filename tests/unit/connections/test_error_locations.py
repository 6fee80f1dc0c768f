"""Where an error about connections is: its file, line, reference and field, which programs read (CONN-020)."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.connections import list_connections, resolve_connection
from osiris_provider.connections.reader import FILE_NAME, MAX_BYTES
from osiris_provider.connections.reference import ConnectionRef, reference_to
from osiris_provider.connections.settings import file_mode
from osiris_provider.connections.validate import validate_file
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import write

TWO = "version: 1\nconnections:\n  mysql:\n    a: {host: h, user: u}\n    b: {host: h, user: u, port: x}\n"


def location(error: ConnectionConfigError) -> tuple[str | None, int | None, str | None, str | None]:
    return error.file, error.line, error.reference, error.field


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"\xff", None),
        (b"\0", None),
        (b"x" * (MAX_BYTES + 1), None),
        (b"", None),
        (b"version: 1\nconnections: {}\nmore: 1\n", 3),
        (b"version: 1\nconnections: {}\n\n}\n", 4),
        (b"version: 1\nconnections:\n  nosuch: {}\n", 3),
    ],
)
def test_conn_020_of_a_file_that_cannot_be_used(text: bytes, line: int | None, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConnectionConfigError) as raised:
        list_connections(file)
    assert location(raised.value) == (str(file), line, None, None)


@pytest.mark.parametrize("name", ["gone.yaml", "~no-such-user-here/f.yaml", "osiris_connections.yaml/f.yaml", "."])
def test_conn_020_of_a_file_that_is_not_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TWO)
    with pytest.raises(ConnectionConfigError) as raised:
        list_connections(name)
    assert location(raised.value) == (str(tmp_path) if name == "." else name, None, None, None)


def test_conn_020_of_a_file_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OSIRIS_HOME", "AIRFLOW__OSIRIS__CONNECTIONS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TWO).chmod(0o666)
    with pytest.raises(ConnectionConfigError) as raised:
        list_connections()
    assert location(raised.value) == (str(tmp_path / FILE_NAME), None, None, None)


@pytest.mark.parametrize(
    ("reference", "line", "field", "knows_file"),
    [
        ("@mysql.b", 5, "port", True),
        ("@mysql.c", None, None, True),
        ("@mysql", None, None, True),
        ("@duckdb.a", None, None, True),
        ("@duckdb", None, None, True),
        ("@nosuch.a", None, None, False),
        ("@mysql.B", None, None, False),
    ],
)
def test_conn_020_of_a_connection(
    reference: str, line: int | None, field: str | None, knows_file: bool, tmp_path: Path
) -> None:
    file = write(tmp_path, TWO)
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection(reference, file)
    assert location(raised.value) == (str(file) if knows_file else None, line, reference, field)
    has_none = "has no family duckdb" in str(raised.value)
    assert has_none == reference.startswith("@duckdb")


@pytest.mark.parametrize(
    ("family", "fields", "line", "field"),
    [
        ("mysql", "{host: h, password: &x}", 4, None),
        ("mysql", "{password: &x}", 4, "password"),
        # What a mapping holds is in the field's line, in one of its own, or without a value and then no field.
        ("airflow", "\n      extra: {a: 1, b: &x}", 5, "extra"),
        ("airflow", "\n      extra:\n        a: 1\n        b: &x", 7, "extra.b"),
        ("airflow", "\n      extra: {\n        a, b: &x}", 6, "extra.b"),
    ],
)
def test_a_remark_is_of_a_field_that_has_its_line_to_itself(
    family: str, fields: str, line: int, field: str | None, tmp_path: Path
) -> None:
    _, problems, _ = validate_file(write(tmp_path, f"version: 1\nconnections:\n  {family}:\n    a: {fields}\n"))
    [remark] = [problem for problem in problems if "begins with &" in problem.message]
    assert (remark.line, remark.reference, remark.field) == (line, reference_to(family, "a"), field)


@pytest.mark.parametrize(
    ("family", "fields", "line", "field"),
    [
        ("postgres", "\n      dsn: c4nary", 5, "dsn"),
        ("postgres", "\n      sslmode: require\n      uri: postgresql://u:c4nary@x@h/d", 6, "dsn"),
        ("postgres", "\n      dsn: postgresql://h/d", 4, "user"),
        ("postgres", "\n      dsn: postgresql://u@h/d?sslmode=require\n      sslmode: require", 6, "sslmode"),
        ("supabase", "\n      url: https://x.supabase.co\n      pg_dsn: c4nary", 6, "pg_dsn"),
    ],
)
def test_a_dsn_is_read_by_a_check_of_the_file(family: str, fields: str, line: int, field: str, tmp_path: Path) -> None:
    # Of what a variable is to hold nothing is known.
    unset = "  mysql:\n    a: {host: h, user: u, port: '${UNSET}'}\n    b: {host: '${UNSET}', user: u}\n"
    file = write(tmp_path, f"version: 1\nconnections:\n  {family}:\n    a: {fields}\n{unset}")
    _, [problem], _ = validate_file(file, variables=False)
    assert (problem.line, problem.reference, problem.field) == (line, reference_to(family, "a"), field)
    assert "c4nary" not in problem.message


@pytest.mark.parametrize("fields", ["host", "", "[host]", "'host: h'", "1"])
@pytest.mark.parametrize(("family", "alias"), [("mysql", "a"), ("duckdb", "a"), ("airflow", "a-b")])
def test_a_connection_without_fields_is_one_mistake(family: str, alias: str, fields: str, tmp_path: Path) -> None:
    file = write(tmp_path, f"version: 1\nconnections:\n  {family}:\n    {alias}: {fields}\n")
    _, problems, warnings = validate_file(file)
    assert [(problem.line, problem.reference) for problem in problems] == [(4, reference_to(family, alias))]
    assert not warnings
    with pytest.raises(ConnectionConfigError) as raised:
        resolve_connection(ConnectionRef(family, alias), file)
    assert location(raised.value) == (str(file), 4, reference_to(family, alias), None)


def test_conn_020_of_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", "rw")
    with pytest.raises(ConnectionConfigError) as raised:
        file_mode()
    assert location(raised.value) == (None, None, None, "file_mode")


@pytest.mark.parametrize(("problems", "more"), [(5, ""), (6, "1"), (9, "4")])
def test_the_first_five_problems_are_said_and_the_rest_is_counted(problems: int, more: str, tmp_path: Path) -> None:
    file = write(tmp_path, "version: 1\nconnections: {}\n" + "".join(f"k{number}: 1\n" for number in range(problems)))
    with pytest.raises(ConnectionConfigError) as raised:
        list_connections(file)
    said = str(raised.value)
    assert said.count("unknown key") == 5
    assert ".;" not in said
    assert said.partition("; and ")[2].partition(" more; run: ")[0] == more
