"""An Airflow connection on its way to the process that checks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from osiris_provider.connections.redact import SHORTEST

HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?\.?|\[?[0-9A-Fa-f:]{2,39}\]?)")
"""What is shown of a host: a name or an IP address. People put URLs with passwords there."""


@dataclass(frozen=True)
class HookConnection:
    """An Airflow connection, resolved: its secrets are in clear, in memory only. ``repr()`` shows none of them.

    :param conn_id: its name, which is public.
    :param conn_type: such as ``snowflake``; decides which hook is built.
    :param extra: the fields of the type; every text in there may be a secret.
    """

    conn_id: str
    conn_type: str
    host: str | None = field(default=None, repr=False)
    login: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    port: int | None = field(default=None, repr=False)
    schema: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def address(self) -> str:
        """Where the server is, for messages: host and port if they are nothing else, else the connection's name."""
        host = self.host or ""
        if not HOST.fullmatch(host) or any(secret in host for secret in self.secrets()):
            return f"the server of connection {self.conn_id}"
        return f"{host}:{self.port}" if self.port else host

    def secrets(self) -> Iterator[str]:
        """Yield each text that nothing that is shown may hold: the password, and every text of ``extra``."""
        for text in (self.password, *texts_in(self.extra)):
            if text and len(text) >= SHORTEST:
                yield text

    def as_json(self) -> str:
        """Return it for the child. It holds the secrets: it goes through a pipe and nowhere else."""
        named = {one.name: getattr(self, one.name) for one in fields(self)}
        return json.dumps({**named, "extra": dict(self.extra)}, default=str)

    @classmethod
    def from_json(cls, text: str) -> HookConnection:
        """Return the connection of :meth:`as_json`."""
        return cls(**json.loads(text))


def texts_in(value: object) -> Iterator[str]:
    """Yield every text inside a value.

    :param value: as JSON has it.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_in(item)


def is_locked(key: str, passphrase: Any) -> bool:
    """Return whether a private key is encrypted, and not with this passphrase; libraries have no code for that.

    :param key: PEM, or of OpenSSH.
    :param passphrase: a text, or nothing.
    """
    return _is_encrypted(key) and (not passphrase or not _is_read(key, str(passphrase).encode()))


def _is_encrypted(key: str) -> bool:
    try:
        _read(key, None)
    except TypeError:
        return True
    except Exception:  # noqa: BLE001 - the hook will say that it is none
        return False
    return False


def _is_read(key: str, password: bytes) -> bool:
    try:
        _read(key, password)
    except Exception:  # noqa: BLE001 - of another passphrase there are many, by the kind of the key
        return False
    return True


def _read(key: str, password: bytes | None) -> None:
    from cryptography.hazmat.primitives import serialization

    is_new = "BEGIN OPENSSH" in key
    load = serialization.load_ssh_private_key if is_new else serialization.load_pem_private_key
    load(key.encode(), password)
