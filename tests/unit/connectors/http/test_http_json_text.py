"""JSON of an answer: its encoding, its numbers, and what is no JSON text."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors.http.faults import HttpFaultError
from osiris_provider.connectors.http.json_text import Number, parse_json

VALUE = {"name": "Žluťoučký kůň"}
TEXT = '{"name": "Žluťoučký kůň"}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("named", ["", "application/json; charset=iso-8859-1"])
def test_json_is_what_its_standard_says_whatever_the_content_type_names(encoding: str, named: str) -> None:
    assert parse_json(TEXT.encode(encoding), named) == VALUE


@pytest.mark.parametrize("named", ["iso-8859-2", "ISO8859-2", "windows-1250", "cp1250", "mac_latin2", '"latin2"'])
@pytest.mark.parametrize("separator", [";charset=", "; Charset = "])
def test_what_is_no_utf_8_is_in_the_encoding_that_the_content_type_names(named: str, separator: str) -> None:
    body = TEXT.encode(named.strip('"'))
    assert parse_json(body, f"application/json{separator}{named}") == VALUE


@pytest.mark.parametrize("named", ["", "utf-8", "latin-99", "hex", "unicode_escape", "zip"])
def test_an_encoding_that_is_none_is_refused(named: str) -> None:
    with pytest.raises(HttpFaultError, match="bad_encoding"):
        parse_json(b'{"name": "\xfe"}', f"application/json; charset={named}")


def test_numbers_keep_their_text_and_integers_that_fit_into_a_column_are_integers() -> None:
    longest = "9" * 40
    assert parse_json(f"[0, {longest}, -12]".encode()) == [0, int(longest), -12]
    for text in ("1.50", "1e400", "-0", "-0.0", f"{longest}9", f"-{longest}", "NaN", "Infinity"):
        (value,) = parse_json(f"[{text}]".encode())
        assert (type(value), value) == (Number, text)


@pytest.mark.parametrize(
    ("body", "lines", "value"),
    [
        (b" \t\r\n{}\r\n", False, {}),
        (b"{}\n\n \t\r\n[1]\r\n", True, [{}, [1]]),
        (b"", True, []),
        (b'{"a": {"b": 1}, "b": 1}', False, {"a": {"b": 1}, "b": 1}),
    ],
)
def test_one_text_or_one_a_line(body: bytes, lines: bool, value: Any) -> None:
    assert parse_json(body, lines=lines) == value


# As much as the message says, and one more; that the first is none of JSON shows that it is read.
MANY = 5_000_000


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"", "broken_json"),
        (b"\xa0{}", "bad_encoding"),
        (b"\x0b{}", "broken_json"),
        (b"{}{}", "several_texts"),
        (b"{} ,", "several_texts"),
        (b'{"a": [{"b": 1, "b": 1}]}', "duplicate_names"),
        (b"[" * 100_000, "broken_json"),
        (b"{}\n{}\n", "several_texts"),
        (b"," * MANY, "broken_json"),
        *[(b"," * MANY + sign, "too_many_values") for sign in (b",", b"[", b"{")],
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[-9:]),
)
def test_what_is_no_json_text(body: bytes, slug: str) -> None:
    with pytest.raises(HttpFaultError, match=f"^{slug}$"):
        parse_json(body)
