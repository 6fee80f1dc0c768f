"""Looking for a secret in whatever came out of a call."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

CANARY = "c4n@ry:/é #%?&'\"wörd"
"""A secret that every kind of quoting changes."""


def spellings(secret: str) -> set[str]:
    """Return the forms in which a secret might leak."""
    data = secret.encode()
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], repr(data)[2:-1]}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], data.hex()}
    # Encoded together with a user name before it, a secret begins at any of three offsets.
    forms |= {base64.b64encode(b"x" * before + data).decode()[4:-4] for before in range(3)}
    # Of a short one nothing is left between.
    return forms - {""}


def assert_silent(secret: str, *outputs: object) -> None:
    """Fail if any output shows the secret in any form; exceptions are looked at with their whole chain."""
    for output in outputs:
        shown = shown_by(output)
        assert not [form for form in spellings(secret) if form in shown], "the secret is in what was shown"


def shown_by(output: object) -> str:
    """Return all that a log or a person might see of a value."""
    if isinstance(output, BaseException):
        return "\n".join([*traceback.format_exception(output), repr(output), str(vars(output))])
    return f"{output}\n{output!r}"


def with_secrets(connection: Mapping[str, Any], fields: frozenset[str], secret: str) -> dict[str, Any]:
    """Return the connection with a secret in each of its secret fields."""
    return {**connection, **dict.fromkeys(fields, secret)}
