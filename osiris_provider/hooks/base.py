"""What all hooks share, and the one place where Airflow and the connections file meet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from airflow.sdk import BaseHook

from osiris_provider._airflow.compat import AirflowNotFoundException, mask_secret
from osiris_provider._airflow.unread import require_database, why_not_known
from osiris_provider.connections.redact import spellings
from osiris_provider.connections.reference import AIRFLOW_ID, ConnectionRef, shown
from osiris_provider.connections.resolve import FileArgument, resolve_connection
from osiris_provider.connections.resolved import NamesOnly, ResolvedConnection
from osiris_provider.connections.settings import setting
from osiris_provider.connectors.airflow_form import ANY_TYPE, connection_id_of, from_airflow, reference_of_id
from osiris_provider.connectors.expiry import WARN_DAYS, expiring, expiry_sentence
from osiris_provider.connectors.model import SLOTS
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError, OsirisError
from osiris_provider.hooks import guard
from osiris_provider.hooks.kill import stop_with_task
from osiris_provider.messages import printable, without_brackets
from osiris_provider.net.deadline import checked_timeout

__all__ = ["OsirisHook"]

DOCTOR_TIMEOUT = 2.0


def resolve(target: str, family: str | None = None, *, file: FileArgument = None) -> ResolvedConnection:
    """Resolve a reference or an Airflow connection id to a connection (CONN-006), and have its secrets masked.

    ``@family.alias`` is looked up in the connections file, then as Airflow connection ``osiris_<family>_<alias>``,
    ``@airflow.my_conn`` as ``my_conn``; a connection id is looked up in Airflow, then in the file. A connection of
    another provider's type is one of family ``airflow``.

    :param target: such as ``@mysql.default``, ``@mysql``, ``osiris_mysql_default`` or ``my_conn``.
    :param family: that is wanted; None takes any.
    :param file: path of the connections file; None looks in the standard locations.
    :raises ConnectionNotFoundError: neither knows it.
    :raises ConnectionConfigError: it is known, but wrong or of another family.
    :raises ConnectTimeoutError: the file does not know it, and Airflow cannot read its own ones at the moment.
    """
    try:
        connection = _look_up(target, family, file)
    except ConnectionNotFoundError:
        require_database(shown(target))
        connection = _look_up(target, family, file)
    mask_secrets(connection)
    if family is not None and connection["family"] != family:
        message = f"{target} is a {connection['family']} connection; a {family} connection is needed."
        raise ConnectionConfigError(message, reference=target)
    return connection


def mask_secrets(connection: Mapping[str, Any]) -> None:
    """Have Airflow mask the secrets of a connection in logs and rendered fields, in every form they may take there.

    :param connection: a resolved connection.
    """
    connector = get_connector(str(connection["family"]))
    secrets = {text for text in connector.model.secret_texts(connection) if text}
    # Airflow compiles all that it has with each one more: the long ones last.
    forms = sorted({form for secret in secrets for form in spellings(secret)}, key=len)
    if forms:
        mask_secret(list(forms))


def doctor_timeout() -> float:
    """Return how many seconds the Test button waits: ``[osiris] doctor_timeout``, else 2.

    :raises ConnectionConfigError: it is no number of seconds.
    """
    written = setting("doctor_timeout")
    try:
        return checked_timeout(float(written or DOCTOR_TIMEOUT))
    except ValueError:
        message = f"[osiris] doctor_timeout: '{shown(str(written))}' is no number of seconds, such as 2 or 0.5."
    raise ConnectionConfigError(message)


def _look_up(target: str, family: str | None, file: FileArgument) -> ResolvedConnection:
    return _by_reference(ConnectionRef.parse(target), file) if target.startswith("@") else _by_id(target, family, file)


def _by_reference(ref: ConnectionRef, file: FileArgument) -> ResolvedConnection:
    try:
        return resolve_connection(ref, file)
    except ConnectionNotFoundError as error:
        missing = error
    connection_id = connection_id_of(ref.family, ref.alias)
    stored = _airflow_connection(connection_id)
    if stored is None:
        message = f"{missing} {why_not_known(connection_id)}"
        raise missing.restated(message, reference=str(ref))
    return from_airflow(ref.family, stored, ref.alias or "default", connection_id=connection_id)


def _by_id(connection_id: str, family: str | None, file: FileArgument) -> ResolvedConnection:
    if not AIRFLOW_ID.fullmatch(connection_id):
        message = (
            f"'{shown(connection_id)}' is neither a reference such as @mysql.default nor an Airflow connection id."
        )
        raise ConnectionNotFoundError(message, reference=shown(connection_id))
    stored = _airflow_connection(connection_id)
    ref = reference_of_id(connection_id)
    if stored is not None and (_is_ours(stored) or ref is None):
        known = _type_of(stored).removeprefix("osiris_") if _is_ours(stored) else family
        return _from_airflow(known or ANY_TYPE, stored, connection_id, ref)
    message = why_not_known(connection_id)
    # The secrets backend may serve the file's connection as one of another type: the file has all of it.
    try:
        return resolve_connection(ref or ConnectionRef(ANY_TYPE, connection_id), file)
    except ConnectionNotFoundError as error:
        message = f"{message} {error}"
    if stored is not None and ref is not None:
        is_like_it = _type_of(stored) in get_connector(ref.family).other_types
        return _from_airflow(family or (ref.family if is_like_it else ANY_TYPE), stored, connection_id, ref)
    raise ConnectionNotFoundError(message, reference=connection_id)


def _from_airflow(family: str, stored: NamesOnly, connection_id: str, ref: ConnectionRef | None) -> ResolvedConnection:
    alias = ref.alias if ref and ref.alias and ref.family == family else connection_id
    return from_airflow(family, stored, alias, connection_id=connection_id)


def _is_ours(stored: NamesOnly) -> bool:
    return _type_of(stored).startswith("osiris_")


def _type_of(stored: NamesOnly) -> str:
    return stored["conn_type"] or ""


def _airflow_connection(connection_id: str) -> NamesOnly | None:
    """Return the attributes of a connection, None if Airflow has none; its own object shows the password if printed.

    :raises ConnectionConfigError: Airflow or a secrets backend denies it; or its URI has no type: Airflow would have
        all of it, with the password, as the schema.
    """
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return None
    except PermissionError:
        message = f"Airflow denies connection {connection_id} to this task. Have it given to the task's team."
        raise ConnectionConfigError(message, reference=connection_id) from None
    if not connection.conn_type and not connection.host and "//" in (connection.schema or ""):
        message = (
            f"Airflow connection {connection_id}: its URI begins with no type as URIs have it. Write - for _ in it, "
            "such as osiris-mysql://."
        )
        raise ConnectionConfigError(message, reference=connection_id)
    return NamesOnly({name: getattr(connection, name) for name in ("conn_type", *SLOTS, "extra")})


class OsirisHook(BaseHook):
    """Base of the families' hooks: a connection by id or reference, its client, and its check.

    :param args: the connection id or reference, as the only positional argument.
    :param kwargs: the same under the hook's ``conn_name_attr``; others are accepted, because Airflow passes the
        extras of a connection along.
    """

    family: ClassVar[str]
    conn_type: str
    conn_name_attr: str
    default_conn_name: str
    hook_name: str

    def __init__(self, *args: str, **kwargs: Any) -> None:
        super().__init__()
        target = args[0] if args else kwargs.get(self.conn_name_attr, self.default_conn_name)
        setattr(self, self.conn_name_attr, target)

    @cached_property
    def resolved(self) -> ResolvedConnection:
        """The resolved connection, secrets in clear; printed or pickled it shows none.

        :raises ConnectionConfigError: it is not known or not right.
        """
        target = getattr(self, self.conn_name_attr)
        if not isinstance(target, str) or not target:
            message = f"{self.conn_name_attr} is a reference or an Airflow connection id"
            raise ConnectionConfigError(message)
        return resolve(target, self.family)

    def get_conn(self) -> Any:
        """Return a new client, connected and logged in; the caller closes it.

        :raises OsirisError: as :meth:`osiris_provider.connectors.base.Connector.create_client`.
        """
        return self._new_client(self.resolved)

    def _new_client(self, connection: Mapping[str, Any]) -> Any:
        stop_with_task()
        return get_connector(self.family).create_client(connection)

    def test_connection(self) -> tuple[bool, str]:
        """Check the connection with doctor, for Airflow's Test button and ``airflow connections test``.

        :return: whether it is healthy, and a sentence; never raises, shows no secret.
        """
        if guard.is_unguarded():
            return False, guard.REFUSAL
        try:
            ok, verdict = get_connector(self.family).doctor(self.resolved, doctor_timeout())
        except OsirisError as error:
            return False, without_markup(self._unnamed(str(error)))
        message = self._unnamed(verdict["message"])
        version = verdict["details"].get("server_version")
        if ok:
            message = f"{message} in {verdict['latency_ms']} ms" + (f", server version {version}" if version else "")
            note = verdict["details"].get("note")
            message += f"; {note}" if note else ""
            message += "".join(f"; {expiry_sentence(one)}" for one in expiring(verdict["details"], WARN_DAYS))
        return ok, without_markup(message)

    def _unnamed(self, message: str) -> str:
        """Return a message without the id under which Airflow tests a connection, which is random."""
        target = getattr(self, self.conn_name_attr)
        for name in (f"Airflow connection {target}", f"@{self.family}.{target}") if target else ():
            message = message.replace(name, "This connection")
        return message


def without_markup(message: str) -> str:
    """Return a message that Airflow's command line shows as it is: rich would take square brackets for markup.

    :param message: free of secrets.
    """
    return without_brackets(printable(message))[:299]
