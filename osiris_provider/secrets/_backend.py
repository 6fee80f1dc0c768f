"""The connections file as a secrets backend: each of its connections is an Airflow connection for any operator."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from airflow.secrets import BaseSecretsBackend

from osiris_provider.connections.reference import ConnectionRef
from osiris_provider.connections.registry import family_names, is_family, unknown_family
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError, OsirisError

log = logging.getLogger(__name__)

HAS_TYPES = "Each connection of family airflow has a type of its own, its conn_type."


class OsirisConnectionsBackend(BaseSecretsBackend):
    """Serves ``@mysql.default`` of the connections file as Airflow connection ``osiris_mysql_default``.

    ``mysql.default`` and ``@mysql.default`` are the same, and ``@mysql`` is the family's default. What the file has in
    family ``airflow`` is served under its own id, with its own type. Airflow asks a backend for every connection id,
    first of all: whatever is wrong with the file hides no connection of another source.

    :param connections_file: path of the file; None looks in the standard locations, when it is asked.
    :param conn_types: families whose connections get the type and the fields of another provider, such as
        ``{"postgres": "postgres", "mysql": "mysql", "api": "http"}``, as a dict or as JSON; the others have the types
        of this package. A family that there is not is a warning, and so is ``airflow``.
    :param fallback_backend: dotted path of a secrets backend that is asked for what the file does not have, and for
        variables and configuration: Airflow itself takes one backend only.
    :param fallback_backend_kwargs: arguments of that backend, as a dict or as JSON.
    """

    __module__ = "osiris_provider.secrets.connections_file"

    def __init__(
        self,
        connections_file: str | None = None,
        conn_types: Mapping[str, str] | str | None = None,
        fallback_backend: str | None = None,
        fallback_backend_kwargs: Mapping[str, Any] | str | None = None,
    ) -> None:
        super().__init__()
        self.connections_file = connections_file
        self.conn_types = conn_types
        self.fallback_backend = fallback_backend
        self.fallback_backend_kwargs = fallback_backend_kwargs
        self._fallback: BaseSecretsBackend | None = None
        self._warned: set[tuple[Any, ...]] = set()

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """Return a connection, or None if neither the file nor the fallback has it.

        :param conn_id: ``osiris_<family>_<alias>``, ``<family>.<alias>``, a reference, or the id of an entry of family
            ``airflow``; others go to the fallback.
        :param team_name: for the fallback: the file is one for all teams.
        """
        stored = self._of_the_file(conn_id)
        if stored is not None:
            return self.deserialize_connection(*stored)
        return self._ask_fallback("get_connection", team_name, conn_id=conn_id)

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Return a connection as text: JSON, or what the fallback has.

        :param conn_id: as for :meth:`get_connection`.
        :param team_name: for the fallback.
        """
        stored = self._of_the_file(conn_id)
        value: str | None = stored[1] if stored else self._ask_fallback("get_conn_value", team_name, conn_id=conn_id)
        return value

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Return a variable of the fallback: the file holds none.

        :param key: of the variable.
        :param team_name: for the fallback.
        """
        value: str | None = self._ask_fallback("get_variable", team_name, key=key)
        return value

    def get_config(self, key: str) -> str | None:
        """Return an option of the fallback: the file holds none.

        :param key: of the option.
        """
        value: str | None = self._ask_fallback("get_config", None, key=key)
        return value

    def _of_the_file(self, conn_id: str) -> tuple[str, str] | None:
        """Return the id of a connection and the connection as JSON; Airflow's own class takes no ``@`` in an id."""
        # Airflow makes a backend while it is still starting: nothing heavy is imported before it is needed.
        try:
            ref = self.reference_in_file(conn_id)
        except OsirisError as error:
            self._warn_once(conn_id, error)
            return None
        if ref is None:
            return None
        from osiris_provider.connections.resolve import resolve_connection
        from osiris_provider.connectors.airflow_form import connection_id_of
        from osiris_provider.hooks.base import mask_secrets
        from osiris_provider.secrets.shapes import attributes_of

        try:
            connection = resolve_connection(ref, self.connections_file)
            attributes = attributes_of(connection, self._type_for(ref.family))
        except ConnectionNotFoundError:
            return None
        except OsirisError as error:
            self._warn_once(conn_id, error)
            return None
        # Airflow masks the entries of extra by their names only, and no quoted form of any.
        mask_secrets(connection)
        known_as = connection_id_of(ref.family, connection["alias"]) if conn_id.startswith("@") else conn_id
        return known_as, json.dumps(attributes)

    def reference_in_file(self, conn_id: str) -> ConnectionRef | None:
        """Return the reference of the connections file that an id stands for, None if it stands for none.

        :param conn_id: as for :meth:`get_connection`.
        :raises ConnectionConfigError: the file cannot be read, or its structure is wrong.
        """
        from osiris_provider.connections.find import find_by_id
        from osiris_provider.connections.load import load_connections

        file = self.connections_file
        if file and not isinstance(file, str | os.PathLike):
            message = "Argument connections_file of the secrets backend is no path, such as /srv/connections.yaml."
            raise ConnectionConfigError(message)
        try:
            known = load_connections(file)
        except ConnectionNotFoundError:
            return None
        if conn_id.startswith(_prefixes()):
            from osiris_provider.connectors.airflow_form import reference_of_id

            ref = reference_of_id(conn_id)
            if ref is not None and (ref.alias is None or (ref.family, ref.alias) in known.entries):
                return ref
        entry = find_by_id(known, conn_id)
        return None if entry is None else ConnectionRef(entry.family, entry.alias)

    def _type_for(self, family: str) -> str | None:
        """Return the type that connections of a family get; None is that of this package."""
        from osiris_provider.connectors.airflow_form import ANY_TYPE

        types: dict[str, Any] | None = None
        with contextlib.suppress(ValueError, TypeError):
            types = _object(self.conn_types)
        if types is None or not all(isinstance(text, str) and text for text in (*types, *types.values())):
            message = 'Argument conn_types of the secrets backend is no JSON object such as {"postgres": "postgres"}.'
            raise ConnectionConfigError(message)
        # Only now, and no more than a warning: what a backend raises while Airflow starts takes all of Airflow down.
        for name in types:
            problem = HAS_TYPES if name == ANY_TYPE else None if is_family(name) else unknown_family(name)
            if problem and ("conn_types", name) not in self._warned:
                self._warned.add(("conn_types", name))
                log.warning("A family in conn_types of the secrets backend is left out. %s", problem)
        return types.get(family)

    def _warn_once(self, conn_id: str, error: OsirisError) -> None:
        """Say what is wrong with the file, once for each of its versions.

        Airflow drops what a backend raises, and says only that the connection is not defined.
        """
        warning = (str(error), *_version_of(error.file))
        if warning in self._warned:
            return
        self._warned.add(warning)
        log.warning("Connection %s cannot be taken from the connections file. %s", conn_id, error)

    def _ask_fallback(self, name: str, team_name: str | None, **arguments: str) -> Any:
        fallback = self._fallback or self._create_fallback()
        if fallback is None:
            return None
        method = getattr(fallback, name)
        if _knows_teams(method):
            arguments["team_name"] = team_name  # type: ignore[assignment] # a backend takes None for no team
        try:
            return method(**arguments)
        except NotImplementedError:
            # Airflow's base class raises it for what a backend does not hold.
            return None

    def _create_fallback(self) -> BaseSecretsBackend | None:
        if not self.fallback_backend:
            return None
        try:
            module, _, name = self.fallback_backend.rpartition(".")
            arguments = _object(self.fallback_backend_kwargs)
            backend: BaseSecretsBackend = getattr(import_module(module), name)(**arguments)
            if hasattr(self, "_connection_class"):
                # Since 3.2 Airflow tells each backend which class of connection its process uses.
                backend._set_connection_class(self._get_connection_class())  # noqa: SLF001 - as Airflow does
        except Exception as error:  # noqa: BLE001 - whatever it raises, Airflow has to start; the message may hold a secret
            problem = (str(self.fallback_backend), type(error).__name__)
            if problem not in self._warned:
                self._warned.add(problem)
                log.warning("The fallback backend %s cannot be made: %s. It is left out.", *problem)
            return None
        self._fallback = backend
        return backend


def _object(given: Mapping[str, Any] | str | None) -> dict[str, Any]:
    """Return an argument that is an object; from a variable of its own Airflow hands it over as JSON.

    :raises ValueError: it is no JSON.
    :raises TypeError: it is no object.
    """
    return dict(json.loads(given) if isinstance(given, str) else given or {})


def _knows_teams(method: Callable[..., Any]) -> bool:
    parameters = inspect.signature(method).parameters
    return "team_name" in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


@cache
def _prefixes() -> tuple[str, ...]:
    return ("@", *(prefix for family in family_names() for prefix in (f"osiris_{family}_", f"{family}.")))


def _version_of(file: str | None) -> tuple[int, ...]:
    try:
        status = os.stat(file) if file else None
    except OSError:
        status = None
    return (status.st_ino, status.st_size, status.st_mtime_ns) if status else ()
