"""Taking secrets out of text that a person or a log will see (CONN-011)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

MASK = "***"

_LOGIN = re.compile(r"[^/@]*:[^/@]*@")


def spellings(secret: str) -> set[str]:
    """Return the usual forms in which a secret may stand in a text: raw, URL-quoted, repr, JSON, per line.

    For those who need a list of words; :class:`Redactor` finds mixtures too.

    :param secret: the value in clear.
    """
    data = secret.encode("utf-8", "surrogatepass")
    forms = {secret, quote(data, safe=""), quote(data), quote_plus(data), repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    forms |= {json.dumps(secret, ensure_ascii=False)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1]}
    forms.update(line for line in secret.splitlines() if len(line) > 3)
    return {form for form in forms if form}


class Redactor:
    """Replaces the given secrets by ``***`` in any text, however each of their characters is quoted there.

    :param secrets: values in clear; empty ones are passed over.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        wanted = {part for secret in secrets for part in (secret, *_long_lines(secret)) if part}
        longest_first = sorted(wanted, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first))) if wanted else None

    def __repr__(self) -> str:
        """Show nothing of what is hidden."""
        return "Redactor(***)"

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret replaced."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def whole(self, value: object) -> str:
        """Return ``value`` as text, or only ``***`` if it holds any secret.

        For public values put into a message: partial masking would show where a short secret sits.

        :param value: a public value such as a host name.
        """
        text = str(value)
        return MASK if self._pattern and self._pattern.search(text) else text


def _long_lines(secret: str) -> list[str]:
    lines = secret.splitlines()
    return [line for line in lines if len(line) > 3] if len(lines) > 1 else []


def _pattern(secret: str) -> str:
    """Return a pattern for a secret in which each character may be raw or quoted in its own way."""
    return "".join(char if char.isascii() and char.isalnum() else _char_pattern(char) for char in secret)


def _char_pattern(char: str) -> str:
    data = char.encode("utf-8", "surrogatepass")
    hexed = data.hex()
    forms = {char, repr(char)[1:-1], repr(data)[2:-1], ascii(char)[1:-1], json.dumps(char)[1:-1]}
    forms |= {f"\\{char}", "".join(f"%{byte:02X}" for byte in data), "".join(f"%{byte:02x}" for byte in data)}
    forms.add("".join(f"\\x{hexed[at : at + 2]}" for at in range(0, len(hexed), 2)))
    if char == " ":
        forms.add("+")
    return f"(?:{'|'.join(map(re.escape, sorted(forms, key=len, reverse=True)))})"


def texts(value: Any) -> Iterator[str]:
    """Yield every text and number inside a nested value, as text.

    :param value: a secret field's value: text, or a mapping or list of texts.
    """
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def safe_url(text: str) -> str:
    """Return a public text without what people put into URLs: user, password, query and fragment.

    :param text: a public value, perhaps a URL or a part of one (``md:db?motherduck_token=…``, ``user:pw@host``).
    """
    if "://" not in text:
        return _LOGIN.sub("", text.partition("?")[0], count=1)
    try:
        parts = urlsplit(text)
        # A password with a slash that is not quoted looks like a port that is no number.
        _ = parts.port
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
