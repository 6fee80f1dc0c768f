"""The exceptions: pickling, categories, suggestions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.errors import CATEGORIES, ERROR_BY_CATEGORY, ConnectorError, OsirisError, did_you_mean


def all_errors(cls: type[OsirisError] = OsirisError) -> Iterator[type[OsirisError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("cls", list(all_errors()))
@given(message=st.text(), facts=st.dictionaries(st.sampled_from(["file", "line", "field"]), st.text() | st.integers()))
def test_errors_survive_pickling(cls: type[OsirisError], message: str, facts: dict[str, object]) -> None:
    again = pickle.loads(pickle.dumps(cls(message, **facts)))  # noqa: S301 - pickled on this line
    assert (type(again), str(again), again.message, again.facts) == (cls, message, message, facts)


def test_conn_010_every_category_but_ok_has_its_error() -> None:
    assert set(ERROR_BY_CATEGORY) == set(CATEGORIES) - {"ok"}
    assert all(cls.category == category for category, cls in ERROR_BY_CATEGORY.items())
    assert set(ERROR_BY_CATEGORY.values()) == set(ConnectorError.__subclasses__())


def test_conn_019_retryable() -> None:
    assert {category for category, cls in ERROR_BY_CATEGORY.items() if cls.retryable} == {"network", "timeout"}


def test_did_you_mean() -> None:
    assert did_you_mean("pasword", ["host", "password"]) == " Did you mean 'password'?"
    assert did_you_mean("xyz", ["host", "password"]) == ""
    assert did_you_mean("", []) == ""
