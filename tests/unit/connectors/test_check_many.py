"""Many checks: what is prepared for them, in which order they are made, and whose verdict is whose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connectors import check_many as module
from osiris_provider.connectors.check_many import doctor_all, prepare
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

from tests.unit.fakes import FakeConnector, connection


class Kinds(FakeConnector):
    """Has a kind of check for each connection that says so, and knows which of them were prepared."""

    prepared: list[str]

    @classmethod
    def kind_of(cls, connection: Mapping[str, Any]) -> str:
        if connection["password"] == "broken":
            raise RuntimeError
        return str(connection["password"])

    @classmethod
    def prepare(cls, connections: Iterable[Mapping[str, Any]]) -> None:
        cls.prepared += [str(one["password"]) for one in connections]


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Kinds:
    """The connector of family ``fake``."""
    Kinds.prepared = []
    connector = Kinds()
    monkeypatch.setattr(module, "get_connector", {"fake": connector}.__getitem__)
    return connector


def of_kinds(*names: str) -> list[dict[str, Any]]:
    return [connection("ok", password=name, alias=f"n{number}") for number, name in enumerate(names)]


def test_of_many_kinds_the_first_are_prepared_and_what_has_no_kind(kinds: Kinds) -> None:
    names = ["a", "", "broken", *"bcdefgh", "a"]
    verdicts = doctor_all(of_kinds(*names), 5)
    assert [verdict.ok for verdict in verdicts] == [True] * len(names)
    assert [verdict.alias for verdict in verdicts] == [f"n{number}" for number in range(len(names))]
    assert {*kinds.prepared} >= {"a", "b", "", "broken"}
    assert "h" not in kinds.prepared


def test_a_family_that_cannot_be_prepared_keeps_no_other_back() -> None:
    class Broken(FakeConnector):
        @classmethod
        def prepare(cls, connections: Iterable[Mapping[str, Any]]) -> None:
            raise RuntimeError(str(connections))

    Kinds.prepared = []
    one, other = Kinds(), Kinds()
    first, second, third = of_kinds("a", "b", "c")
    prepare([(Broken(), first), (one, first), (other, second), (one, third)])
    # Each once, with all that it has.
    assert Kinds.prepared == ["a", "c", "b"]


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_neighbours_are_checked_far_from_each_other(count: int) -> None:
    """Those of a site that is down would keep all the others waiting, one after the other."""
    order = module._order([""] * count)  # noqa: SLF001 - which of them comes first is seen nowhere else
    assert sorted(order) == list(range(count))
    rank = {number: index for index, number in enumerate(order)}
    assert all(abs(rank[number] - rank[number + 1]) >= 9 for number in range(count - 1)) or count < 9
    kinds = ["x", "y"] * 50
    order = module._order(kinds)  # noqa: SLF001 - as above
    assert [kinds[number] for number in order] == ["x"] * 50 + ["y"] * 50


@pytest.mark.parametrize(
    ("target", "family", "alias"),
    [
        ("@fake.one", "fake", "one"),
        ("fake.one", "fake", "one"),
        ("@fake", "fake", None),
        ("", "", None),
        (ConnectionRef("fake", "one"), "fake", "one"),
        (ConnectionRef("fake", None), "fake", None),
    ],
)
@pytest.mark.parametrize(
    ("error", "slug"), [(ConnectionConfigError, "misconfigured"), (ConnectionNotFoundError, "no_such_connection")]
)
def test_what_cannot_be_resolved_is_named_as_it_was_asked_for(
    target: Any, family: str, alias: str | None, error: type[ConnectionConfigError], slug: str
) -> None:
    asked: list[Any] = []

    def resolve(*given: Any) -> Mapping[str, Any]:
        asked.append(given)
        message = "There is none."
        raise error(message)

    seen: list[Verdict] = []
    (verdict,) = doctor_all([target], 5, file="x.yaml", on_verdict=seen.append, resolve=resolve)
    assert (verdict.family, verdict.alias, verdict.details["fault"]) == (family, alias, slug)
    assert (asked, seen) == ([(target, "x.yaml")], [verdict])


def test_what_is_resolved_is_named_as_it_is(kinds: Kinds) -> None:
    (verdict,) = doctor_all(["@fake"], 5, resolve=lambda *_: of_kinds("a")[0])
    assert (verdict.ok, verdict.family, verdict.alias) == (True, "fake", "n0")
    (verdict,) = doctor_all([{**of_kinds("a")[0], "does": "raise"}], 5, max_workers=1)
    assert (verdict.ok, verdict.alias, verdict.details["fault"]) == (False, "n0", "broken")
    assert kinds.prepared == ["a", "a"]
