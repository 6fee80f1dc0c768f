"""The exceptions: pickling, categories, suggestions."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.faults import CERTIFICATE_EXPIRED
from osiris_provider.errors import (
    CATEGORIES,
    ERROR_BY_CATEGORY,
    AuthError,
    ConnectorError,
    NetworkError,
    OsirisError,
    Where,
)
from osiris_provider.messages import did_you_mean, printable


def all_errors(cls: type[OsirisError] = OsirisError) -> Iterator[type[OsirisError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from all_errors(child)


WHERE = st.fixed_dictionaries({}, optional={"file": st.text(), "step": st.text(), "line": st.integers()})


@pytest.mark.parametrize("cls", list(all_errors()))
@given(message=st.text(), where=WHERE)
def test_errors_survive_pickling(cls: type[OsirisError], message: str, where: Where) -> None:
    error = cls(message, **where)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled on this line
    assert (type(again), str(again), vars(again)) == (cls, str(error), vars(error))
    assert [getattr(again, name) for name in where] == list(where.values())
    assert str(error) == message or not message.replace("\n", "").isprintable()


def test_a_fault_survives_with_its_error() -> None:
    error = CERTIFICATE_EXPIRED.error("here", reference="@x.y", retry_after=7.5, cause=KeyError("s3cret"), step="load")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled on this line
    assert (again.fault, again.fault.advice) == (CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED.advice)
    assert (again.retry_after, again.cause, again.reference, again.step) == (7.5, "KeyError", "@x.y", "load")
    assert not again.is_transient
    assert "s3cret" not in repr(vars(again))


def test_an_error_in_other_words_keeps_what_it_knows() -> None:
    error = CERTIFICATE_EXPIRED.error("here", reference="@x.y", retry_after=7.5)
    again = error.restated("Step load: \x1b[31mno", step="load")
    assert type(again) is NetworkError
    assert (str(again), again.message, again.args) == ("Step load: no", "Step load: no", ("Step load: no",))
    assert (again.fault, again.retry_after, again.reference, again.step) == (error.fault, 7.5, "@x.y", "load")
    assert (str(error), error.step) == ("@x.y: " + CERTIFICATE_EXPIRED.text("here"), None)


def test_attributes_that_there_are_not_are_refused() -> None:
    with pytest.raises(TypeError, match="AuthError has no attribute retryable"):
        AuthError("no", **cast("Any", {"retryable": False}))
    with pytest.raises(ValueError, match="AuthError cannot carry fault certificate_expired of category network"):
        AuthError("no", fault=CERTIFICATE_EXPIRED)


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
    for category, cls in ERROR_BY_CATEGORY.items():
        assert (cls("no").fault.slug, cls("no").fault.category) == (category, category)
    assert set(ERROR_BY_CATEGORY.values()) == set(ConnectorError.__subclasses__())


def test_conn_019_which_categories_are_transient() -> None:
    transient = {category for category, cls in ERROR_BY_CATEGORY.items() if cls("no").is_transient}
    assert transient == {"network", "timeout", "unknown"}
    assert not NetworkError("expired", fault=CERTIFICATE_EXPIRED).is_transient
    assert not OsirisError("no").is_transient


def test_did_you_mean() -> None:
    assert did_you_mean("pasword", ["host", "password"]) == " Did you mean 'password'?"
    assert did_you_mean("xyz", ["host", "password"]) == ""
    assert did_you_mean("", []) == ""


def test_a_near_name_is_seen_among_many_thousands_and_beside_names_of_the_same_letters() -> None:
    names = [*(f"column_{number}" for number in range(4000)), "drowssap", "dwsspaor", "password"]
    assert did_you_mean("passwodr", names) == " Did you mean 'password'?"
    assert did_you_mean("passwodr", ["x" * 100_000, *names]) == " Did you mean 'password'?"
    assert did_you_mean("x" * 60_000, ["x" * 60_001]) == ""
