"""Fields that hold an object of JSON, written as a mapping of YAML or as the text of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

SENSITIVE = (
    *("access_key", "api_key", "apikey", "authorization", "connection_string", "credential", "dsn", "key_content"),
    *("keyfile", "passphrase", "passwd", "password", "private_key", "sas_", "secret", "service_account", "service_key"),
    *("token", "webhook"),
)
"""Words of names of secrets."""


def is_sensitive(name: str) -> bool:
    """Return whether the name of an entry says that it is a secret.

    :param name: as written.
    """
    plain = name.lower().replace("-", "_")
    return any(word in plain for word in SENSITIVE)


def parsed_object(value: Any) -> Any:
    """Return the object that a text is; anything else as it is.

    Variables are replaced after that: what one holds cannot end a text of JSON, or be taken for JSON.

    :param value: of the field, as written.
    """
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            parsed = json.loads(value)
            if isinstance(parsed, dict):
                return parsed
    return value


def misread(path: str, value: Any, raw: Any) -> Iterator[tuple[str, str]]:
    """Yield what YAML takes for a number or a yes or no although JSON would not write it so, with what to do.

    ``no`` is false to YAML and a text to a person, and ``1.10`` loses its last digit; no one knows what the owner of
    an undeclared entry meant.

    :param path: of the value, such as ``extra.account``.
    :param value: as YAML reads it.
    :param raw: the same with the source text of every scalar.
    """
    if isinstance(value, dict) and isinstance(raw, dict):
        for name, inner in value.items():
            yield from misread(f"{path}.{name}", inner, raw.get(name))
    elif isinstance(value, list) and isinstance(raw, list):
        for inner, text in zip(value, raw, strict=False):
            yield from misread(path, inner, text)
    elif isinstance(value, bool) and str(raw).lower() not in ("true", "false"):
        yield path, f"YAML reads this as {json.dumps(value)}; write that, or quotes around it if it is a text"
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and raw != json.dumps(value):
        yield path, "YAML reads this as a number; write it as JSON does, or in quotes if it is a text"
