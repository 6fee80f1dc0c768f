"""The ends of JSON Web Tokens, which the tokens themselves say."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from pydantic import SecretStr

from osiris_provider.connectors.model import ConnectionModel
from osiris_provider.net.expiry import Expiry

_JWT = re.compile(r"(?:[A-Za-z]+ )?([A-Za-z0-9_-]{2,4096})\.([A-Za-z0-9_-]{2,16384})\.[A-Za-z0-9_-]*")
_LAST = datetime.max.replace(tzinfo=timezone.utc).timestamp()


def token_expiries(model: ConnectionModel) -> Iterator[Expiry]:
    """Yield the ends of the tokens that a connection holds; nothing else of them is looked at.

    :param model: the connection.
    """
    for spec in model.fields():
        value = getattr(model, spec.name)
        for secret in value.values() if isinstance(value, Mapping) else [value]:
            at = _end_of_token(secret.get_secret_value()) if isinstance(secret, SecretStr) else None
            if at is not None:
                yield Expiry(f"token in field {spec.name}", "", at)


def _end_of_token(text: str) -> datetime | None:
    """Return ``exp`` of a JSON Web Token (RFC 7519, 4.1.4); None for any other text, and for a token without it."""
    match = _JWT.fullmatch(text.strip())
    if match is None or "alg" not in _claims(match[1]):
        return None
    seconds = _claims(match[2]).get("exp")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LAST:
        return None
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=int(seconds))


def _claims(part: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
