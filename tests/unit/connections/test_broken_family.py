"""A family whose package cannot be imported takes no other down with it, and nothing of its connections is shown."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError
from pathlib import Path

import pytest
from osiris_provider.connections import list_connections, registry, resolve_connection
from osiris_provider.connections.registry import GROUP, all_points, find_point, load_family, own_points
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connections.validate import validate_file
from osiris_provider.connectors import doctor_all
from osiris_provider.errors import ConnectionConfigError

from tests.unit.connection_files import write

TEXT = """\
version: 1
connections:
  broken:
    one: {host: db.example.com, password: s3cret, token: '${UNSET}'}
  duckdb:
    default: {path: ':memory:'}
"""
SAID = "Family 'broken' cannot be loaded from no_such_package:Connector (ModuleNotFoundError: No module named"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two more distributions: one whose package is broken, and one that claims a name of this package's."""
    others = [EntryPoint("broken", "no_such_package:Connector", GROUP), EntryPoint("duckdb", "theirs:Connector", GROUP)]
    theirs = {point.name: point for point in others}
    ours = list(all_points(GROUP).values())
    for points in ([*ours, *others], [*others, *ours]):
        monkeypatch.setattr(registry, "entry_points", lambda group, points=points: points if group == GROUP else [])
        _forget()
        assert [all_points(GROUP)[name].value == theirs[name].value for name in theirs] == [True, False]
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for cached in (own_points, all_points, load_family):
        cached.cache_clear()


def test_an_own_family_is_no_one_elses() -> None:
    point = find_point(GROUP, "duckdb")
    assert point is not None
    assert point.value.startswith("osiris_provider.")
    assert load_family("duckdb").family == "duckdb"
    assert registry.family_names() == sorted(registry.family_names())


def test_nothing_of_its_connections_is_public(tmp_path: Path) -> None:
    listed = list_connections(write(tmp_path, TEXT))
    assert listed[0] == {"family": "broken", "alias": "one", **dict.fromkeys(("host", "password", "token"), "***")}
    assert [one["family"] for one in listed] == ["broken", "duckdb"]
    fields = {"family": "broken", "alias": "one", "host": "db.example.com", "password": "s3cret"}
    assert ResolvedConnection(fields).masked() == {**fields, "host": "***", "password": "***"}


def test_it_is_said_where_its_connection_stands_and_what_to_do(tmp_path: Path) -> None:
    file = write(tmp_path, TEXT)
    [problem] = validate_file(file)[1]
    assert (problem.line, problem.reference, problem.message[: len(SAID)]) == (4, "@broken.one", SAID)
    assert problem.message.endswith(" Reinstall its package.")
    with pytest.raises(ConnectionConfigError, match="cannot be loaded") as raised:
        resolve_connection("@broken.one", file)
    assert (raised.value.reference, raised.value.line) == ("@broken.one", 4)
    assert [one.category for one in doctor_all(["@broken.one", "@duckdb.default"], file=file)] == ["unknown", "ok"]


def test_an_alias_of_it_is_one_that_a_reference_can_have(tmp_path: Path) -> None:
    problems = validate_file(write(tmp_path, TEXT.replace("one:", "One-1:")))[1]
    assert "'One-1' cannot be an alias" in problems[0].message


def test_without_its_own_distribution_the_package_has_no_families(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(registry, "distribution", missing)
    monkeypatch.setattr(registry, "entry_points", lambda **_: [])
    _forget()
    with pytest.raises(ConnectionConfigError, match=r"Known are none; reinstall airflow-provider-osiris\.$"):
        load_family("mysql")
