"""A family without a server: what it does is told by the connection itself."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.model import ConnectionModel, FieldInfo
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline
from pydantic import Field, SecretStr

BROKEN = Fault("broken", "permission", "{address} is broken. Fix it.")


class FakeConnection(ConnectionModel):
    does: Annotated[str, FieldInfo("What a check does.", public=True, airflow="host")]
    password: Annotated[SecretStr, FieldInfo("A password.", airflow="password", aliases=("pwd",))] = SecretStr("")
    port: Annotated[int, FieldInfo("A port.", airflow="port"), Field(ge=1, le=65535)] = 1
    ratio: Annotated[float | None, FieldInfo("A number.")] = None
    ssl: Annotated[bool, FieldInfo("A switch.")] = False
    headers: Annotated[dict[str, SecretStr], FieldInfo("Secret texts by name.")] = Field(default={})

    def shown_address(self) -> str:
        return f"the {self.does} peer"

    def as_url(self, *, redacted: bool) -> str:
        return f"fake://{'***' if redacted else self.password.get_secret_value()}@{self.does}"


class FakeClient:
    def __init__(self) -> None:
        self.alive = True
        self.closed = 0


class BrokenError(Exception):
    """What the fake client library raises."""


class FakeConnector(Connector[FakeConnection, FakeClient]):
    """``does``: ok, hang (until ``release``), raise, exit, obey (raise when the deadline has passed), garbage."""

    family = "fake"
    label = "Fake"
    model = FakeConnection

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.opened: list[FakeClient] = []

    def open_client(self, model: FakeConnection, deadline: Deadline) -> FakeClient:
        self.probe(model, deadline)
        self.opened.append(FakeClient())
        return self.opened[-1]

    def probe(self, model: FakeConnection, deadline: Deadline) -> dict[str, Any]:
        if model.does == "hang":
            self.release.wait(60)
        if model.does == "obey":
            self.release.wait(deadline.remaining())
            raise ConnectionResetError(104, "reset")
        errors = {"raise": BrokenError(model.password.get_secret_value()), "refuse": ConnectionRefusedError(111, "no")}
        if model.does in errors:
            raise errors[model.does]
        return {"server_version": "1"}

    def is_alive(self, client: FakeClient) -> bool:
        if client.closed:
            message = "it is closed"
            raise ValueError(message)
        return client.alive

    def close_client(self, client: FakeClient) -> None:
        client.closed += 1

    def fault_of(self, error: BaseException) -> Fault | None:
        return BROKEN if isinstance(error, BrokenError) else None


def connection(does: str = "ok", **fields: Any) -> dict[str, Any]:
    return {"family": "fake", "alias": does, "does": does, **fields}
