"""JSON as it came: numbers keep their text, nothing is dropped in silence, and what an answer may hold is bounded."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from osiris_provider.connectors.http.faults import (
    BAD_ENCODING,
    BROKEN_JSON,
    DUPLICATE_NAMES,
    SEVERAL_TEXTS,
    TOO_MANY_VALUES,
    HttpFaultError,
)

MAX_VALUES = 5_000_000
"""Values of an answer: commas, brackets and braces are counted, so that a page of brackets does not fill the memory."""

LINES = re.compile(r"application/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)")
"""Content types, in lower case, of one JSON text a line."""

FAILED: Mapping[str, tuple[Any, ...]] = {"ok": (False,), "success": (False,), "status": ("error", "fail")}
"""What answers say at their top if they are not results, although their status is 200 (Slack, JSend and others)."""

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)
# Only what is a table of characters: other codecs of Python unpack, or read escapes.
_TABLES = re.compile(r"(?:iso-?8859|cp|windows|koi8|mac|big5|gb|euc|shift|utf|ascii|latin).*", re.IGNORECASE)
_BLANK = " \t\r\n"
_MAX_INTEGER = 40


class Number(str):
    """A JSON number as its text came, if it has a fraction or an exponent, or is too long for any integer column."""

    __slots__ = ()


def failure_in(value: Any) -> str | None:
    """Return the name by which an answer says that it is no result, although its status is 200; None if it does not.

    :param value: parsed JSON.
    """
    given = value if isinstance(value, Mapping) else {}
    says = (name for name, signs in FAILED.items() for sign in signs if _is(given.get(name), sign))
    return next(says, None)


def _is(value: Any, sign: Any) -> bool:
    # 0 is not False.
    return type(value) is type(sign) and value == sign


def _integer(text: str) -> int | Number:
    return Number(text) if len(text) > _MAX_INTEGER or text == "-0" else int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        # A reader that takes one of two values has lost the other.
        raise HttpFaultError(DUPLICATE_NAMES)
    return fields


_DECODER = json.JSONDecoder(parse_float=Number, parse_constant=Number, parse_int=_integer, object_pairs_hook=_object)


def parse_json(body: bytes, content_type: str = "", *, lines: bool = False) -> Any:
    """Return what a JSON text holds; integers as ``int``, other numbers as :class:`Number`.

    :param body: UTF-8 as JSON has to be, else UTF-16, UTF-32, or what the content type names.
    :param content_type: header of the answer.
    :param lines: one text a line (NDJSON); they are returned as a list.
    :raises HttpFaultError: it is not valid, an object has a name twice, or there are more than :data:`MAX_VALUES`.
    """
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        raise HttpFaultError(TOO_MANY_VALUES)
    text = _decoded(body, content_type)
    if lines:
        return [_value(line) for line in text.split("\n") if line.strip(_BLANK)]
    return _value(text)


def _value(text: str) -> Any:
    text = text.strip(_BLANK)
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        _refuse()
    if end != len(text):
        raise HttpFaultError(SEVERAL_TEXTS)
    return value


def _refuse() -> NoReturn:
    # Outside of the handler: the decoder's error holds the whole text.
    raise HttpFaultError(BROKEN_JSON)


def _decoded(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    for encoding in (json.detect_encoding(body), named[1] if named else ""):
        if _TABLES.fullmatch(encoding):
            with suppress(ValueError, LookupError):
                return codecs.decode(body, encoding)
    raise HttpFaultError(BAD_ENCODING)
