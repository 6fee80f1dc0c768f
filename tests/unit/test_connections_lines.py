"""The quick way to read a connections file gives what YAML gives, or leaves the file to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.connections import file as reading
from osiris_provider.connections.yaml_lines import read_lines

from tests.unit.connection_files import SAMPLES

PATH = Path("osiris_connections.yaml")
HEAD = "version: 1\nconnections:\n"
WORDS = ["a", "host", "port", "default", "password", "yes", "null", "mysql", "postgres"]
VALUES = [
    *["", "x", "3306", "0123", "1_000", "12:30", "1e3", "0x1f", ".5", ".", "true", "no", "Off", "~", "null", "Null"],
    *["2024-01-01", "2024-01", "${A}", "$x", "a b", "a  b", "a:b", "a: b", "a :b", "a#b", "a #b", "#b", "a#", "a:"],
    *["'it''s'", "''", '""', '"a: #b"', '"a\\n"', "'a' # b", "'a'b", "&x", "!x", "*x", "[a]", "{a: b}", "- a", "|"],
    *["a, b", "{", "ž", "\u2028", "\xa0", "\x85", "a\tb", "\t", "1.0", "+1", "-1", "=", "<<", "a'b", 'a"b', "/data/x"],
]
lines = st.builds(
    lambda indent, key, value, end: f"{' ' * indent}{key}:{value and ' '}{value}{end}\n",
    st.sampled_from([0, 2, 2, 4, 4, 6, 6, 6, 6, 6, 7]),
    st.sampled_from(WORDS),
    st.sampled_from(VALUES),
    st.sampled_from(["", "", "", " ", " # c", "\n", "\n  # c"]),
)
fields = st.lists(
    st.tuples(st.text("abcdefg", min_size=1, max_size=2), st.sampled_from(VALUES)), min_size=1, unique_by=lambda x: x[0]
).map(lambda pairs: "".join(f"      {key}: {value}\n" for key, value in pairs))


def same(text: str) -> None:
    """Check that both ways give the same, also the same order."""
    quick, slow = reading.parse(PATH, text), reading._parse_yaml(PATH, text)  # noqa: SLF001 - the other way
    assert quick == slow
    assert [*quick.entries] == [*slow.entries]
    for key, entry in quick.entries.items():
        assert repr(entry.fields) == repr(slow.entries[key].fields)
        assert repr(entry.raw) == repr(slow.entries[key].raw)


@given(st.lists(lines, max_size=8).map("".join))
@example("  mysql:\n    a:\n      host:\n      port: 1\n")
@example("  mysql:\n    a:\n      default: yes\n    b:\n      default: true\n")
@example("  mysql:\n    a:\n      host: x\n    a:\n      host: y\n")
@example("  mysql:\n    a:\n      host: x\n  mysql:\n    b:\n      host: y\n")
@example("  mysql:\n    a:\n      host: x\n  postgres:\n")
@example("  mysql:\n    a:\n    b:\n      host: x\n")
@example("  mysql:\n    a:\n      host: x\n     b: y\n")
@example("  mysql:\n    a:\n      host: x\n        y\n")
@example("  mysql:\n    a:\n      host: x\nversion: 1\n")
@example("  unheard:\n    a:\n      host: x\n")
@example("  mysql:\n    A-b:\n      host: x\n")
@example("  mysql:\n    a:\n      host: x\n...\n")
def test_any_lines_are_read_as_yaml_reads_them(text: str) -> None:
    same(HEAD + text)


@given(fields, fields)
def test_any_fields_are_read_as_yaml_reads_them(one: str, other: str) -> None:
    same(f"{HEAD}  mysql:\n    a:\n{one}    b: # c\n{other}  postgres:\n    a:\n{one}")


@given(st.text(alphabet="abmysql :\n-[]{}&*!'\"#<|>%@?,0123456789", max_size=40))
def test_any_value_is_read_as_yaml_reads_it(value: str) -> None:
    same(f"{HEAD}  mysql:\n    a:\n      host: {value}\n      port: 1\n")


@pytest.mark.parametrize("head", ["", "version: 1.0\nconnections:\n", "version: true\nconnections:\n", "# c\n" + HEAD])
def test_any_head_is_read_as_yaml_reads_it(head: str) -> None:
    same(f"{head}  mysql:\n    a:\n      host: x\n")


def test_the_usual_file_is_read_quickly() -> None:
    assert read_lines(SAMPLES) is not None
