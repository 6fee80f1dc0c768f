"""Taking secrets out of text that a person or a log will see (CONN-011)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

MASK = "***"


def spellings(secret: str) -> set[str]:
    """Return every form in which a secret may stand in a text: raw, URL-quoted, repr, JSON, per line.

    :param secret: the value in clear.
    """
    data = secret.encode("utf-8", "surrogatepass")
    forms = {secret, quote(data, safe=""), quote(data), quote_plus(data), repr(secret)[1:-1], json.dumps(secret)[1:-1]}
    forms.add(json.dumps(secret, ensure_ascii=False)[1:-1])
    forms.update(line for line in secret.splitlines() if len(line) > 3)
    return {form for form in forms if form}


class Redactor:
    """Replaces the given secrets by ``***`` in any text.

    :param secrets: values in clear; empty ones are passed over.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in spellings(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

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
    """Return a URL without user, password, query and fragment; any other text as it is.

    :param text: a public value, perhaps a URL into which someone put credentials.
    """
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
