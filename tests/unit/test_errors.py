"""The exceptions: pickling, categories, suggestions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.errors import (
    CATEGORIES,
    ERROR_BY_CATEGORY,
    ConnectorError,
    NetworkError,
    OsirisError,
    did_you_mean,
    printable,
)


def all_errors(cls: type[OsirisError] = OsirisError) -> Iterator[type[OsirisError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("cls", list(all_errors()))
@given(message=st.text(), facts=st.dictionaries(st.sampled_from(["file", "line", "field"]), st.text() | st.integers()))
def test_errors_survive_pickling(cls: type[OsirisError], message: str, facts: dict[str, object]) -> None:
    error = cls(message, **facts)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled on this line
    assert (type(again), str(again), again.message, again.facts) == (cls, str(error), str(error), facts)
    assert str(error) == message or not message.replace("\n", "").isprintable()


@given(st.text() | st.text("\x1b\x07\x9b\x9d]P[?0;mJ\\\r\n\u202e a"))
def test_what_is_printable_does_nothing_to_a_terminal(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert text.strip(" ") != shown or text.isprintable()
    assert all(line.isprintable() for line in str(OsirisError(text)).split("\n"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bcreset", "reset"),
        ("a\r\nb\tc", "a  b c"),
        ("user\u202etxt.exe\u2066", "usertxt.exe"),
        ("15.1 (Debian 15.1-1)  příliš", "15.1 (Debian 15.1-1)  příliš"),
    ],
)
def test_escape_sequences_go_as_a_whole(said: str, shown: str) -> None:
    assert printable(said) == shown


def test_conn_010_every_category_but_ok_has_its_error() -> None:
    assert set(ERROR_BY_CATEGORY) == set(CATEGORIES) - {"ok"}
    assert all(cls.category == category for category, cls in ERROR_BY_CATEGORY.items())
    assert set(ERROR_BY_CATEGORY.values()) == set(ConnectorError.__subclasses__())


def test_conn_019_which_categories_are_transient() -> None:
    transient = {category for category, cls in ERROR_BY_CATEGORY.items() if cls("no").is_transient}
    assert transient == {"network", "timeout", "unknown"}
    assert not NetworkError("expired", retryable=False).is_transient
    assert not OsirisError("no").is_transient


def test_did_you_mean() -> None:
    assert did_you_mean("pasword", ["host", "password"]) == " Did you mean 'password'?"
    assert did_you_mean("xyz", ["host", "password"]) == ""
    assert did_you_mean("", []) == ""
