"""The ends of JSON Web Tokens, which the tokens themselves say."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from osiris_provider.connectors.model import ConnectionModel
from osiris_provider.net.expiry import Expiry

TOKEN = "token in field"  # noqa: S105 - words
_JWT = re.compile(r"(?<![A-Za-z0-9_.-])([A-Za-z0-9_-]{2,4096})\.([A-Za-z0-9_-]{2,16384})\.[A-Za-z0-9_-]*")
"""Wherever it stands in a text: behind Bearer, in JSON, in YAML."""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST = (datetime.max.replace(tzinfo=timezone.utc) - _EPOCH) // timedelta(seconds=1)


def token_expiries(model: ConnectionModel, shown: Callable[[object], str] = str) -> Iterator[Expiry]:
    """Yield the ends of the tokens that a connection holds; nothing else of them is looked at.

    :param model: the connection.
    :param shown: masks the name of a field that holds a secret: some names are the user's.
    """
    for name, texts in model.secret_values():
        ends = set(_ends_of_tokens(texts))
        # Of several in one value it is not known which of them is used.
        if len(ends) == 1:
            yield Expiry(f"{TOKEN} {shown(name)}", "", ends.pop())


def _ends_of_tokens(texts: Iterable[str]) -> Iterator[datetime]:
    for text in texts:
        for match in _JWT.finditer(text):
            at = _end_of_token(match)
            if at is not None:
                yield at


def _end_of_token(match: re.Match[str]) -> datetime | None:
    """Return ``exp`` of a JSON Web Token (RFC 7519, 4.1.4); None for any other text, and for a token without it."""
    if "alg" not in _claims(match[1]):
        return None
    seconds = _claims(match[2]).get("exp")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LAST:
        return None
    return _EPOCH + timedelta(seconds=int(seconds))


def _claims(part: str) -> Mapping[str, Any]:
    try:
        # More padding than there has to be is passed over.
        parsed = json.loads(base64.urlsafe_b64decode(part + "=="))
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
