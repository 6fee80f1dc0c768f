"""Names that PostgreSQL would cut are refused, by their bytes."""

from __future__ import annotations

import pytest
from osiris_provider.drivers.postgres.names import (
    check_column_names,
    check_config_names,
    check_result_names,
    is_too_long,
    quote,
)
from osiris_provider.errors import DataError, DriverConfigError

LONGEST = ["x" * 63, "ä" * 31 + "x", "🦆" * 15 + "xyz"]
TOO_LONG = ["x" * 64, "ä" * 32, "🦆" * 16]


@pytest.mark.parametrize(("name", "quoted"), [("a b", '"a b"'), ('a"b', '"a""b"'), ("", '""')])
def test_a_name_is_quoted(name: str, quoted: str) -> None:
    assert quote(name) == quoted


def test_the_bytes_of_a_name_count() -> None:
    assert [is_too_long(name) for name in (*LONGEST, *TOO_LONG)] == [False] * 3 + [True] * 3


@pytest.mark.parametrize("name", TOO_LONG)
def test_what_a_step_names_is_refused_before_anything_is_done(name: str) -> None:
    for table in (name, f"s.{name}", f"{name}.t"):
        with pytest.raises(DriverConfigError, match=f"Step s: table {name} has a name of 64 bytes") as raised:
            check_config_names("s", table)
        assert raised.value.step == "s"
    with pytest.raises(DriverConfigError, match=f"Step s: column {name} has"):
        check_config_names("s", "t", ["a", None, name])
    with pytest.raises(DriverConfigError, match=f"Step s: column {name} has"):
        check_config_names("s", None, [name])


def test_names_that_are_kept_are_no_mistake() -> None:
    check_config_names("s", ".".join(LONGEST), [None, *LONGEST])
    check_config_names("s", None)
    check_column_names("s", LONGEST)


@pytest.mark.parametrize(
    ("name", "said"), [*((name, f"{name} has a name of 64 bytes") for name in TOO_LONG), ("a\0b", r"a\\0b")]
)
def test_an_input_whose_columns_cannot_be_named_so_is_refused(name: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"Step s: .*{said}.* Nothing was written\.") as raised:
        check_column_names("s", ["a", name])
    assert (raised.value.step, raised.value.column) == ("s", name)


@pytest.mark.parametrize(
    ("named", "cut"),
    [
        ("x" * 64, "x" * 63),
        ("x" * 62 + "ä", "x" * 62),
        ("x" * 60 + "🦆", "x" * 60),
        ("x" * 62 + '"' * 2, "x" * 62 + '"'),
    ],
)
def test_a_column_of_a_result_whose_name_was_cut_is_refused(named: str, cut: str) -> None:
    quoted = quote(named)
    with pytest.raises(DataError, match=r"Step s: column .* has a name of 6\d bytes") as raised:
        check_result_names("s", f"SELECT 1 AS {quoted}", ["a", cut])
    assert (raised.value.step, raised.value.column) == ("s", cut)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (f'SELECT 1 AS "{"x" * 63}"', ["x" * 63]),
        (f"SELECT 1 AS {'X' * 63}", ["x" * 63]),
        # No character has more than four bytes.
        (f"SELECT {'x' * 59}y AS a", ["x" * 59]),
        ("SELECT 1 AS a, ab", ["a"]),
        # Of a server that keeps more.
        ("SELECT 1 AS a", ["ä" * 40]),
    ],
)
def test_a_column_that_has_its_name_in_full_is_none_of_these(query: str, names: list[str]) -> None:
    check_result_names("s", query, names)
