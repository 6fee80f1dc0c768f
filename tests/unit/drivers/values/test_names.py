"""Names of a result's columns, of which a server may give several the same, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.drivers.sql.values.special_values import unique_names


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["id", "id"], ["id", "id_2"]),
        (["id", "id", "id_2"], ["id", "id_3", "id_2"]),
        (["id_2", "id", "id", "id"], ["id_2", "id", "id_3", "id_4"]),
        (["?column?", "?column?"], ["?column?", "?column?_2"]),
        (["", "a", "", "column_3"], ["column_1", "a", "column_3_2", "column_3"]),
        ([], []),
    ],
)
def test_repeated_names_are_numbered_and_never_collide(names: list[str], unique: list[str]) -> None:
    assert unique_names(names) == unique


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "", "column_1", "column_2"]), max_size=8))
def test_names_are_unique_and_the_first_of_each_is_kept(names: list[str]) -> None:
    unique = unique_names(names)

    assert len(set(unique)) == len(names)
    assert all(unique[names.index(name)] == name for name in names if name)
