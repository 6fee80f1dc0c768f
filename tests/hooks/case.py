"""What a connection type is tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from osiris_provider.hook_doctor import HookConnection

PASSWORD = "pw-T0p-s3cret-9f2c"
WRONG = "wr0ng-S3cret-77ab"


@dataclass
class Served:
    """A server that is up, and how it is reached.

    :param connection: healthy.
    :param wrong: what is wrong with the credentials of the other one.
    :param tries: how often somebody has tried to log in with wrong credentials, as the server counts.
    """

    connection: HookConnection
    wrong: Mapping[str, Any]
    tries: Callable[[], int]

    def refused(self) -> HookConnection:
        """Return the connection with wrong credentials."""
        return replace(self.connection, **self.wrong)


@dataclass(frozen=True)
class Case:
    """How a type is tried.

    :param serve: starts the server.
    :param elsewhere: returns a connection of the type to a host and port; by default it has these as they are.
    :param category: of wrong credentials.
    :param proven: whether "ok" proves the credentials.
    :param by_family: whether the family of the same server checks it, as it does for users, and not the hook.
    """

    conn_type: str
    serve: Callable[[], AbstractContextManager[Served]]
    elsewhere: Callable[[str, int], HookConnection] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    schema: str | None = None
    category: str = "auth"
    proven: bool = True
    by_family: bool = False

    @property
    def name(self) -> str:
        """The type, and who checks it if not the hook."""
        return f"{self.conn_type}-family" if self.by_family else self.conn_type

    def at(self, host: str, port: int) -> HookConnection:
        """Return a connection of the type to another address."""
        if self.elsewhere is not None:
            return self.elsewhere(host, port)
        return HookConnection(
            "somewhere", self.conn_type, host, "loader", PASSWORD, port, self.schema, dict(self.extra)
        )
