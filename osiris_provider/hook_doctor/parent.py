"""The parent's side of a check: hands the connection over, waits for a code, and ends the child in time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from osiris_provider.connections.redact import Redactor
from osiris_provider.connectors.faults import NOT_ASKED, TIMED_OUT
from osiris_provider.errors import ConnectorError, Fault
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.cooldown import Cooldown, Refusal, iso
from osiris_provider.hook_doctor.expiry import note_ends
from osiris_provider.hook_doctor.faults import NO_PROVIDER, NO_VERDICT, REFUSED_BEFORE, TEST_FAILED
from osiris_provider.hook_doctor.processes import servers
from osiris_provider.hook_doctor.registry import hook_type
from osiris_provider.hook_doctor.server import MAX_TYPE
from osiris_provider.hook_doctor.tables import known_faults
from osiris_provider.net.deadline import Deadline

_CLASS = re.compile(r"[A-Za-z_]\w{0,60}")
_STILL_IMPORTING = NOT_ASKED.reworded(
    "The hook for {address} was still being imported after {timeout}. That takes some seconds, once in a process, and "
    "goes on: ask again, or allow 10 s. A program calls prepare() of the connector first."
)


def check_hook(connection: HookConnection, deadline: Deadline) -> dict[str, Any]:
    """Check a connection by the hook of its type, in a process of its own.

    What of a healthy one comes to its end is noted, see :mod:`osiris_provider.net.expiry`.

    :param connection: resolved; its secrets are handed over by a pipe.
    :param deadline: after which the process is killed, with all that it has started.
    :return: details of a healthy server, as JSON-able values; ``proven: False`` if "ok" does not show that the
        credentials were accepted.
    :raises ConnectorError: it is not healthy, or nothing can be said of it (fault ``untestable``). Credentials that its
        server has refused are not tried again within ``[osiris] auth_cooldown_hours``: it is the same fault then.
    :raises ConnectionConfigError: that option is no number.
    """
    cooldown = Cooldown.from_settings()
    refusal = cooldown.refusal(connection)
    if refusal is not None:
        raise _refused(refusal, cooldown, connection)
    answer = _ask(connection, deadline)
    if "fault" in answer:
        error = _error(answer, connection, deadline)
        if error.category == "auth":
            cooldown.keep(connection, error.fault.slug)
        raise error
    cooldown.forget(connection)
    note_ends(answer.get("expires"), connection)
    details: dict[str, Any] = Redactor(connection.secrets()).inside(answer["details"])
    return details


def _ask(connection: HookConnection, deadline: Deadline) -> Mapping[str, Any]:
    if len(connection.conn_type.encode()) > MAX_TYPE:
        return {"fault": NO_PROVIDER.slug}
    answer = servers().run(connection.conn_type, connection.as_json(), deadline)
    if answer.value is not None:
        return answer.value
    if deadline.left() > 0:
        return {"fault": NO_VERDICT.slug}
    return {"fault": (TIMED_OUT if answer.started else NOT_ASKED).slug, "importing": answer.importing}


def _error(answer: Mapping[str, Any], connection: HookConnection, deadline: Deadline) -> ConnectorError:
    fault: Fault = known_faults(hook_type(connection.conn_type)).get(str(answer["fault"]), NO_VERDICT)
    if fault == NOT_ASKED and answer.get("importing"):
        fault = _STILL_IMPORTING
    cause = str(answer.get("cause") or "")
    if fault == TEST_FAILED and _CLASS.fullmatch(cause):
        fault = fault.reworded(fault.message.replace("failed,", f"failed with {cause},"))
    fault = fault.reworded(fault.text(connection.address, deadline.seconds))
    return fault.error(connection.address)


def _refused(refusal: Refusal, cooldown: Cooldown, connection: HookConnection) -> ConnectorError:
    fault = known_faults(hook_type(connection.conn_type)).get(refusal.fault, REFUSED_BEFORE)
    if fault.category != "auth":
        fault = REFUSED_BEFORE
    said = (
        f"{{address}} refused these credentials at {iso(refusal.at)}. Correct them: others are tried at once, these "
        f"not before {cooldown.until(refusal)}, so that the account is not locked. doctor --force tries them now."
    )
    return fault.reworded(said).error(connection.address)
