"""A resolved connection that can be held, printed and passed on without giving its secrets away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from osiris_provider.connections.redact import MASK, Redactor, public_value, secret_texts
from osiris_provider.connections.registry import load_family
from osiris_provider.errors import ConnectionConfigError

IDENTITY = ("family", "alias")


class NamesOnly(dict[str, Any]):
    """Values of which some are secrets, in clear. What shows variables, such as an error tracker, shows their names."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self)})"

    def __sentry_repr__(self) -> str:
        """Return what sentry-sdk shows, which looks into mappings otherwise."""
        return repr(self)


class ResolvedConnection(Mapping[str, Any]):
    """The fields of a connection with ``family`` and ``alias``, secrets in clear (CONN-006).

    It is read like the dict of CONN-006: ``connection["host"]``, ``connection.get("port", 3306)``, ``{**connection}``,
    ``connection == {...}``; and ``dict(connection)`` is that dict. It is no dict itself, because whatever writes dicts
    out would write its secrets out: as a dict, or a subclass of it, a task that returns its connection has stored the
    password in XCom, and ``json.dumps`` has put it into a log. As it is, both say that they cannot serialize it.
    A caller that wants the secrets in a plain dict says so, with ``dict(connection)``.

    ``repr``, ``str`` and pickles show what ``connections list`` shows, and ``***`` for all else. A pickle is for logs
    and caches, not for work: in another process the reference is resolved again. :attr:`model` of what comes out of one
    is an error, so that no one logs in with ``***``. Copies have the secrets; they do not leave the process.

    :param fields: of the connection, in clear; with ``family``, unless ``kind`` is given.
    :param kind: the connection model of its family; None finds it by the family's name.
    """

    __slots__ = ("_fields", "_is_masked", "_kind", "_model")

    def __init__(self, fields: Mapping[str, Any], kind: type[Any] | None = None) -> None:
        self._fields = dict(fields)
        self._kind = kind
        self._model: Any = None
        self._is_masked = False

    @property
    def model(self) -> Any:
        """The connection as an instance of its family's model, parsed once.

        :raises ConnectionConfigError: a field is missing or wrong, or the connection comes out of a pickle.
        """
        if self._is_masked:
            reference = f"@{self._fields.get('family')}.{self._fields.get('alias')}"
            message = f"{reference} has been pickled, without its secrets. Resolve it in the process that uses it."
            raise ConnectionConfigError(message, reference=reference)
        if self._model is None:
            self._model = self._known_model().parse(self._fields)
        return self._model

    def _known_model(self) -> type[Any]:
        if self._kind is None:
            self._kind = load_family(str(self._fields.get("family"))).model
        return self._kind

    def masked(self) -> dict[str, Any]:
        """Return the fields as they may be shown: the public ones, and ``***`` for all others."""
        if self._is_masked:
            return dict(self._fields)
        declared = self._declared()
        fields = {name: value for name, value in self._fields.items() if name not in IDENTITY}
        redactor = Redactor(self._secret_texts(fields))

        def shown(name: str, value: Any) -> Any:
            spec = declared.get(name)
            return public_value(value, redactor) if spec is not None and spec.public else MASK

        identity = {name: self._fields[name] for name in IDENTITY if name in self._fields}
        return {**identity, **{name: shown(name, value) for name, value in fields.items()}}

    def _secret_texts(self, fields: Mapping[str, Any]) -> Iterable[str]:
        try:
            return self._known_model().secret_texts(fields)  # type: ignore[no-any-return] # of a family that is loaded late
        except ConnectionConfigError:
            return secret_texts({}, fields)

    def _declared(self) -> Mapping[str, Any]:
        try:
            declared: Mapping[str, Any] = self._known_model().declared()
        except ConnectionConfigError:
            # Of a family that is not there nothing is known to be public.
            return {}
        return declared

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.masked()!r})"

    def __sentry_repr__(self) -> str:
        """Return what sentry-sdk shows of a variable: into other mappings it looks, and shows each value."""
        return repr(self)

    def __copy__(self) -> ResolvedConnection:
        return self._with(self._fields)

    def __deepcopy__(self, memo: dict[int, Any]) -> ResolvedConnection:
        return self._with(deepcopy(self._fields, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.masked(),)

    def _with(self, fields: dict[str, Any]) -> ResolvedConnection:
        return _unpickled(fields) if self._is_masked else ResolvedConnection(fields, self._kind)


def _unpickled(fields: dict[str, Any]) -> ResolvedConnection:
    connection = ResolvedConnection(fields)
    connection._is_masked = True  # noqa: SLF001 - the other half of __reduce__
    return connection
