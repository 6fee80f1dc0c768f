"""A family whose peer asks for a password: as small as one can be that keeps the contract."""

from __future__ import annotations

import base64
from contextlib import closing
from typing import Annotated, Any
from urllib.parse import quote

from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.faults import GARBAGE
from osiris_provider.connectors.model import ConnectionModel, FieldInfo
from osiris_provider.errors import Fault
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import DeadlineSocket, address_of, open_socket
from osiris_provider.testing.peers import Behaviour, Peer
from pydantic import Field, SecretStr

DENIED = Fault("asking_denied", "auth", "{address} does not accept the password. Check it.")


class AskingConnection(ConnectionModel):
    host: Annotated[str, FieldInfo("A host.", public=True, airflow="host")]
    port: Annotated[int, FieldInfo("A port.", airflow="port"), Field(ge=1, le=65535)]
    password: Annotated[SecretStr, FieldInfo("A password.", airflow="password")]

    def shown_address(self) -> str:
        return address_of(self.host, self.port)

    def as_url(self, *, redacted: bool) -> str:
        password = "***" if redacted else quote(self.password.get_secret_value(), safe="")
        return f"asking://{password}@{self.host}:{self.port}"


class AnswerError(Exception):
    """The peer does not say OK."""


def _ask(line: DeadlineSocket, password: str) -> None:
    line.sendall(base64.b64encode(password.encode()) + b"\n")
    said = b""
    while not said.endswith(b"\n"):
        piece = line.recv(4096)
        if not piece:
            raise EOFError
        said += piece
    if said != b"OK\n":
        raise AnswerError(said)


class AskingConnector(Connector[AskingConnection, DeadlineSocket]):
    family = "asking"
    label = "Asking"
    model = AskingConnection

    def open_client(self, model: AskingConnection, deadline: Deadline) -> DeadlineSocket:
        line = open_socket(model.host, model.port, deadline)
        try:
            _ask(line, model.password.get_secret_value())
        except BaseException:
            line.close()
            raise
        line.deadline = None
        return line

    def probe(self, model: AskingConnection, deadline: Deadline) -> dict[str, Any]:
        with closing(self.open_client(model, deadline)):
            return {}

    def is_alive(self, client: DeadlineSocket) -> bool:
        return client.fileno() >= 0

    def close_client(self, client: DeadlineSocket) -> None:
        client.close()

    def fault_of(self, error: BaseException) -> Fault | None:
        if isinstance(error, AnswerError):
            return DENIED if error.args == (b"NO\n",) else GARBAGE
        return None


def accepting(password: str) -> Peer:
    """Return a peer that accepts one password."""
    right = base64.b64encode(password.encode()) + b"\n"

    def behaviour(peer: Peer, line: Any) -> None:
        line.settimeout(20)
        peer.send(line, b"OK\n" if line.recv(4096) == right else b"NO\n")

    answer: Behaviour = behaviour
    return Peer(answer)
