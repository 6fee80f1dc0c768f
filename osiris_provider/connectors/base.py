"""The connector of a family: makes clients, keeps them, and checks connections."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar

from osiris_provider.connections.reference import NAME
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.cache import ClientCache
from osiris_provider.connectors.check import check
from osiris_provider.connectors.faults import GARBAGE, transport_fault
from osiris_provider.connectors.model import ConnectionModel, FieldSpec, reference_of
from osiris_provider.connectors.retry import call_with_retries
from osiris_provider.connectors.verdict import DoctorDetails
from osiris_provider.errors import UNKNOWN, ConnectorError, Fault, OsirisError
from osiris_provider.net import killed
from osiris_provider.net.deadline import CHECK_BYTES, Deadline

M = TypeVar("M", bound=ConnectionModel)
C = TypeVar("C")
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")
T = TypeVar("T")


Attributes = Mapping[str, Any]
"""Of an Airflow connection: ``conn_type``, ``host``, ``port``, ``login``, ``password``, ``schema``, None where not
given, and ``extra``, a dict."""


@dataclass(frozen=True)
class OtherType:
    """How a family reads the connections of another provider's type: what ``conn_types`` of the backend does, back.

    :param fields: returns the family's fields, or None for a connection that its own hook takes in a way that the
        family does not know; doctor then asks the hook.
    :param answered: returns slugs of the faults after which such a connection counts as healthy, but not as proven: its
        peer has answered, and the type has no field that says what to ask for.
    :param note: returns what is to be said of such a connection, by ``validate`` and by a doctor, family or hook.
    """

    fields: Callable[[Attributes], dict[str, Any] | None]
    answered: Callable[[Attributes], frozenset[str]] = lambda _: frozenset()
    note: Callable[[Attributes], str | None] = lambda _: None


class Connector(ABC, Generic[M, C]):
    """Base of the families' connectors. ``M`` is the family's connection model, ``C`` its client.

    A family declares :attr:`family`, :attr:`label` and :attr:`model`, and implements :meth:`open_client`,
    :meth:`probe`, :meth:`is_alive`, :meth:`close_client` and :meth:`fault_of`.
    """

    family: ClassVar[str]
    label: ClassVar[str]
    model: type[M]
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that a client needs and that take their time to import."""
    at_once: ClassVar[int | None] = None
    """How many of its checks may be under way at a time, in :func:`doctor_all`; None is no limit of its own."""
    aliases: ClassVar[re.Pattern[str]] = NAME
    """What an alias in the file may be."""
    other_types: ClassVar[Mapping[str, OtherType]] = {}
    """Airflow connection types of other providers whose connections this family's doctor checks."""

    def __init__(self) -> None:
        self._cache: ClientCache[C] = ClientCache(self.is_alive, self.close_client)

    @classmethod
    def declared(cls) -> Mapping[str, FieldSpec]:
        """Return the declared connection fields by name and alias."""
        return cls.model.declared()

    @classmethod
    def coerce(cls, fields: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str | None, str]], list[str]]:
        """Check and coerce connection fields; see :meth:`ConnectionModel.coerce`."""
        return cls.model.coerce(fields)

    @classmethod
    def airflow_id(cls, alias: str) -> str:
        """Return the Airflow connection id that stands for an alias, such as ``osiris_mysql_default``.

        :param alias: of a connection of this family.
        """
        return f"osiris_{cls.family}_{alias}"

    @classmethod
    def to_airflow(cls, connection: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the attributes of an Airflow connection, None to have them made of the slots of the fields.

        :param connection: a resolved connection.
        """
        del connection
        return None

    @classmethod
    def from_airflow(cls, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the fields that an Airflow connection gives, None to have them read by the slots of the fields.

        :param attributes: ``conn_type``, ``description``, the slots, and ``extra`` as a dict.
        """
        del attributes
        return None

    @classmethod
    def secret_texts(cls, fields: Mapping[str, Any]) -> Iterable[str]:
        """Return every text of a connection that may be secret; see :meth:`ConnectionModel.secret_texts`."""
        return cls.model.secret_texts(fields)

    @classmethod
    def needs_worker(cls, connection: Mapping[str, Any]) -> bool:
        """Return whether a check may run in a worker or on a command line only, and not in a triggerer.

        :param connection: a resolved connection.
        :raises ConnectionConfigError: it is wrong.
        """
        del connection
        return False

    @classmethod
    def remarks(cls, fields: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        """Return what ``connections validate`` has to say of fields that may be right all the same.

        :param fields: as written, variables replaced where they are set.
        :return: pairs of a field, or a part of one such as ``extra.account``, and a message that shows no value.
        """
        del fields
        return ()

    @classmethod
    def load(cls) -> None:
        """Import :attr:`libraries`, so that the first check of a process does not spend its time on that."""
        for name in cls.libraries:
            import_module(name)

    @classmethod
    def prepare(cls, connections: Iterable[Mapping[str, Any]]) -> None:
        """Do what the checks of connections need, before the clock of the first one runs.

        :param connections: resolved ones of the family, valid or not.
        """
        del connections
        cls.load()

    def ready(self, connection: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Return what is open while one of many checks runs; it may wait for room there, before its clock runs.

        :param connection: resolved, valid or not.
        """
        del connection
        return nullcontext()

    @classmethod
    def kind_of(cls, connection: Mapping[str, Any]) -> str:
        """Return what the check of a connection needs room for; those of one kind are made one after the other.

        :param connection: resolved, valid or not.
        """
        del connection
        return ""

    def create_client(self, connection: Mapping[str, Any]) -> C:
        """Connect and log in (CONN-015); network errors and timeouts are tried again (CONN-018).

        :param connection: a resolved connection.
        :return: a new client; the caller closes it.
        :raises ConnectionConfigError: a field is missing or wrong.
        :raises ConnectorError: by category: AuthError, PermissionDeniedError, NetworkError, ConnectTimeoutError …
        """
        model = self.model.parse(connection)

        def connect() -> C:
            killed.check()
            return self.translate_errors(
                connection, lambda: self.open_client(model, Deadline(model.connect_seconds(), CHECK_BYTES))
            )

        with killed.breakable():
            return call_with_retries(connect)

    def client(self, connection: Mapping[str, Any]) -> C:
        """Return the open client of a connection, making one if there is none alive (CONN-013).

        It belongs to this connector: :meth:`close_all` closes it.

        :param connection: a resolved connection.
        :raises OsirisError: as :meth:`create_client`.
        """
        return self._cache.get_or_create(connection, lambda: self.create_client(connection))

    def close_all(self) -> None:
        """Close every client that :meth:`client` has made (CONN-014)."""
        self._cache.close_all()

    def doctor(self, connection: Mapping[str, Any], timeout: float = 2.0) -> tuple[bool, DoctorDetails]:
        """Check a connection (CONN-009 … 012): reach it, log in, and prove that this identity is accepted.

        Never raises; answers by ``timeout`` plus a quarter of a second whatever the peer does; shows no secret.

        :param connection: a resolved connection.
        :param timeout: seconds for everything together; may be a fraction.
        :return: ``(ok, {"latency_ms", "category", "message", "details"})``; ``latency_ms`` is None unless ok;
            ``details`` names the server on success and the ``fault`` and whether it is ``retryable`` on failure.
        """
        return check(self, connection, timeout).as_tuple()

    def build_dsn(self, connection: Mapping[str, Any]) -> str:
        """Return the connection as a URL, every part quoted (CONN-016). It may hold the password: never log it.

        :param connection: a resolved connection.
        """
        return self.model.parse(connection).as_url(redacted=False)

    def build_dsn_redacted(self, connection: Mapping[str, Any]) -> str:
        """Return the URL with ``***`` for all credentials, for logs (CONN-011, 016).

        :param connection: a resolved connection.
        """
        return self.model.parse(connection).as_url(redacted=True)

    def on_database(self, connection: Mapping[str, Any], database: str) -> ResolvedConnection:
        """Return the connection with another database, for families that have databases.

        :param connection: a resolved connection.
        :param database: takes the place of what the connection names.
        """
        name = next((spec.name for spec in self.model.fields() if spec.info.airflow == "schema"), None)
        return ResolvedConnection({**connection, name: database} if name else connection, self.model)

    def translate_errors(self, connection: Mapping[str, Any], call: Callable[[], T]) -> T:
        """Call, and turn whatever a client library raises into an error of this package, by code.

        The library's exception is not chained: its text and its arguments may hold the password.

        :param connection: a resolved connection.
        :param call: talks to the peer.
        :raises ConnectorError: with the category of the fault.
        """
        try:
            return call()
        except OsirisError:
            raise
        except Exception as error:  # noqa: BLE001 - this is the one place where foreign errors are classified
            problem = self.error_of(error, connection)
        raise problem

    def error_of(self, error: BaseException, connection: Mapping[str, Any]) -> ConnectorError:
        """Return the error of this package for what a client library raised.

        :param error: what was raised.
        :param connection: a resolved connection.
        """
        fault = self.classify(error)
        return fault.error(self.address_of(connection), reference=reference_of(connection), cause=error)

    def classify(self, error: BaseException) -> Fault:
        """Return the fault of whatever a client library raised: the family's table first, then transport errors.

        :param error: any exception.
        """
        garbage = GARBAGE if isinstance(error, UnicodeDecodeError) else None
        return self.fault_of(error) or transport_fault(error) or garbage or _uncategorized(error)

    def address_of(self, connection: Mapping[str, Any]) -> str:
        """Return where the peer is, for messages; ``***`` if that would show a secret.

        :param connection: a resolved connection, valid or not.
        """
        try:
            return self.model.redactor(connection).masked(self.model.parse(connection).shown_address())
        except Exception:  # noqa: BLE001 - a name for the place must not hide what happened there
            return "the server"

    def address_of_fault(self, error: BaseException, connection: Mapping[str, Any]) -> str:
        """Return where something went wrong, for messages, if a connection has more places than one.

        :param error: what was raised.
        :param connection: a resolved connection, valid or not.
        """
        del error
        return self.address_of(connection)

    @abstractmethod
    def open_client(self, model: M, deadline: Deadline) -> C:
        """Make a client that is connected and logged in.

        :param model: the connection.
        :param deadline: bounds everything until the client is ready; after that the client has no deadline.
        :raises Exception: whatever the client library raises; :meth:`fault_of` knows its codes.
        """

    @abstractmethod
    def probe(self, model: M, deadline: Deadline) -> dict[str, Any]:
        """Do what shows that this identity can work there, and leave nothing open.

        :param model: the connection.
        :param deadline: bounds everything.
        :return: details worth showing, such as ``server_version``.
        :raises Exception: whatever the client library raises.
        """

    @abstractmethod
    def is_alive(self, client: C) -> bool:
        """Return whether an open client can still be used; may raise instead of returning False."""

    @abstractmethod
    def close_client(self, client: C) -> None:
        """Close a client."""

    @abstractmethod
    def fault_of(self, error: BaseException) -> Fault | None:
        """Return the fault that the family's table has for an error's code, else None."""


def _uncategorized(error: BaseException) -> Fault:
    """Return the fault of an error that no table knows; type and code of it are no secret.

    An argument that is a text is never taken for a code: it may be a secret that looks like one.
    """
    sqlstate = getattr(error, "pgcode", None)
    numbers = (next(iter(error.args), None), getattr(error, "errno", None))
    code = next((str(code) for code in numbers if isinstance(code, int)), "")
    code = sqlstate if isinstance(sqlstate, str) and _SQLSTATE.fullmatch(sqlstate) else code
    known_as = f"{type(error).__name__} {code}".rstrip()
    return UNKNOWN.reworded(UNKNOWN.message.replace("an error that", f"{known_as}, which"))
