"""The connector of family ``airflow``: its hooks are the clients, and doctor asks hooks or our own families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, ClassVar
from weakref import WeakSet

from osiris_provider.connections.reference import AIRFLOW_ID
from osiris_provider.connections.yaml.nodes import parsed_object
from osiris_provider.connectors.airflow.connection import AirflowConnection
from osiris_provider.connectors.airflow.delegate import Delegate, delegate_of, note_on
from osiris_provider.connectors.airflow.hook import hook_of
from osiris_provider.connectors.airflow.remarks import remarks_on
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.check import examine
from osiris_provider.connectors.expiry import TOKEN
from osiris_provider.connectors.faults import MISCONFIGURED
from osiris_provider.connectors.model import SLOTS
from osiris_provider.errors import ERROR_BY_CATEGORY, Fault, OsirisError
from osiris_provider.hook_doctor import HookConnection, check_hook, hook_type, hook_types
from osiris_provider.hook_doctor.classify import worded
from osiris_provider.hook_doctor.processes import AT_ONCE, servers
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import Noted, note_all

PREPARE_SECONDS = 30.0
"""For which a check waits, before its clock runs, until its hook has been imported."""
UNPROVEN = "the server answered; this connection does not say what to ask for, so its credentials are not proven"


class AirflowConnector(Connector[AirflowConnection, Any]):
    """Makes the hooks of Airflow connections, and checks them.

    Types that another family knows are checked by that family; of all others the hook is asked, in its own process.
    """

    family = "airflow"
    label = "Airflow connection"
    model = AirflowConnection
    aliases = AIRFLOW_ID

    def __init__(self) -> None:
        super().__init__()
        self._closed: WeakSet[Any] = WeakSet()

    at_once: ClassVar[int | None] = AT_ONCE

    @classmethod
    def load(cls) -> None:
        """Import what is known of all types; see :meth:`Connector.load`."""
        hook_types()

    @classmethod
    def prepare(cls, connections: Iterable[Mapping[str, Any]]) -> None:
        """Have the hooks imported that will be asked, in processes of their own; see :meth:`Connector.prepare`."""
        super().prepare(connections)
        asked = list(filter(None, map(cls.kind_of, connections)))
        if asked:
            servers().warm(asked, Deadline(PREPARE_SECONDS))

    def ready(self, connection: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Return what keeps the hook of a connection imported, if it will be asked; see :meth:`Connector.ready`."""
        conn_type = self.kind_of(connection)
        return servers().kept(conn_type, Deadline(PREPARE_SECONDS)) if conn_type else nullcontext()

    @classmethod
    def kind_of(cls, connection: Mapping[str, Any]) -> str:
        """Return the type of a connection whose hook will be asked; see :meth:`Connector.kind_of`."""
        return cls.model.parse(connection).conn_type if _is_asked(cls, connection) else ""

    @classmethod
    def airflow_id(cls, alias: str) -> str:
        """Return the alias: it is the id."""
        return alias

    @classmethod
    def to_airflow(cls, connection: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the attributes of the Airflow connection, of its own type."""
        return cls.model.parse(connection).attributes()

    @classmethod
    def from_airflow(cls, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the attributes that are given; see :meth:`Connector.from_airflow`."""
        given = {name: attributes.get(name) for name in cls.declared() if attributes.get(name) not in (None, "", {})}
        return {**given, "conn_type": attributes.get("conn_type")}

    @classmethod
    def needs_worker(cls, connection: Mapping[str, Any]) -> bool:
        """Return whether its hook has to be asked: that takes a process, and code of which nothing is known."""
        model = cls.model.parse(connection)
        return delegate_of(model.attributes(), model.id) is None

    @classmethod
    def remarks(cls, fields: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        """Return where fields do not fit the form of their type, and what a family says of it.

        See :meth:`Connector.remarks`.
        """
        # What is of a wrong type is another remark's business.
        slots = {name: _if_of_type((int, str) if name == "port" else str, fields.get(name)) for name in SLOTS}
        extra = parsed_object(fields.get("extra", fields.get("extra_dejson")))
        conn_type = str(fields.get("conn_type"))
        note = note_on({"conn_type": conn_type, **slots, "extra": extra if isinstance(extra, dict) else {}})
        return [*remarks_on(fields), *([("host", note)] if note else [])]

    def probe(self, model: AirflowConnection, deadline: Deadline) -> dict[str, Any]:
        """Have the family that knows the type check it, else its hook; see :meth:`Connector.probe`."""
        attributes = model.attributes()
        delegate = delegate_of(attributes, model.id)
        details = check_hook(_handed_over(model), deadline) if delegate is None else _asked(delegate, model, deadline)
        note = note_on(attributes)
        if note is None or note == details.get("note"):
            return details
        return {**details, "note": "; ".join(filter(None, (details.get("note"), note)))}

    def open_client(self, model: AirflowConnection, deadline: Deadline) -> Any:
        """Return the hook of the connection, which connects when it is used."""
        del deadline
        return hook_of(model)

    def is_alive(self, client: Any) -> bool:
        """Return whether the hook has not been closed: it connects when it is used."""
        return client not in self._closed

    def close_client(self, client: Any) -> None:
        """Have the hook close what it keeps open, if it is one that does."""
        self._closed.add(client)
        for holder, name in ((client, "close"), (client, "close_conn"), (getattr(client, "conn", None), "close")):
            close = getattr(holder, name, None)
            if callable(close):
                # What a hook raises here is for no one: it is no longer used.
                with suppress(Exception):
                    close()

    def fault_of(self, error: BaseException) -> Fault | None:
        """Return None: what a check raises has its fault already."""
        del error
        return None


def _if_of_type(kind: type | tuple[type, ...], value: Any) -> Any:
    return value if isinstance(value, kind) else None


def _is_asked(connector: type[AirflowConnector], connection: Mapping[str, Any]) -> bool:
    try:
        return connector.needs_worker(connection)
    except OsirisError:
        # Its check says what is wrong.
        return False


def _asked(delegate: Delegate, model: AirflowConnection, deadline: Deadline) -> dict[str, Any]:
    """Return the details of a family's verdict.

    :raises ConnectorError: it is not healthy.
    """
    noted = Noted()
    verdict = examine(delegate.connector, delegate.connection, deadline, noted=noted)
    note_all(noted)
    if verdict.fault is None:
        details = dict(verdict.server)
        # Tokens are named by the fields of this connection, not by those of the family.
        others = [one for one in details.pop("expires", []) if not one["what"].startswith(TOKEN)]
        return {**details, "expires": others} if others else details
    if verdict.fault.slug in delegate.answered:
        return {"proven": False, "note": UNPROVEN}
    # A URL is a host of types that have their address there only.
    known = worded(verdict.fault, hook_type(model.conn_type), _handed_over(model))
    if known.category != verdict.category and known.slug == MISCONFIGURED.slug:
        message = known.message.format(address=model.shown_address())
        raise ERROR_BY_CATEGORY[known.category](message, fault=known)
    raise ERROR_BY_CATEGORY[verdict.category](verdict.message, fault=verdict.fault)


def _handed_over(model: AirflowConnection) -> HookConnection:
    given = {name: value for name, value in model.attributes().items() if name != "description"}
    return HookConnection(conn_id=model.id or "unnamed", **given)
