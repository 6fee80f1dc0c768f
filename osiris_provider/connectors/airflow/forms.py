"""What the installed providers declare of their connection types: ``connection-types`` in their info.

Read without importing Airflow, which takes seconds: the info of a provider is a function in a file of its own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from osiris_provider.connections.redact import is_sensitive
from osiris_provider.connectors.model import SLOTS

GROUP = "apache_airflow_provider"


@dataclass(frozen=True)
class Form:
    """A connection type as its provider declares it.

    :param conn_type: such as ``snowflake``.
    :param package: the provider's distribution.
    :param hook_class: path of the class of its hook.
    :param hidden: the slots that its form does not show.
    :param extra: the JSON Schemas of the entries of ``extra`` that it shows, by name; a form may be silent on more.
    """

    conn_type: str
    package: str
    hook_class: str = ""
    hidden: frozenset[str] = frozenset()
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def is_public(self, name: str) -> bool:
        """Return whether the form declares an entry of ``extra`` as something else than a password.

        What its name says counts as well: not all forms say it of all.

        :param name: of the entry.
        """
        schema = self.extra.get(name)
        return schema is not None and schema.get("format") != "password" and not is_sensitive(name)


def form_of(conn_type: str) -> Form | None:
    """Return what is declared of a connection type, None if no installed provider has it.

    :param conn_type: such as ``snowflake``.
    """
    return installed_forms().get(conn_type)


def known_types() -> list[str]:
    """Return the connection types of all installed providers, sorted."""
    return sorted(installed_forms())


@cache
def installed_forms() -> dict[str, Form]:
    """Return the forms of all installed providers by connection type."""
    forms: dict[str, Form] = {}
    for point in entry_points(group=GROUP):
        for form in _forms_in(_info(point)):
            forms.setdefault(form.conn_type, form)
    return forms


def _info(point: EntryPoint) -> Any:
    try:
        return (_alone(point) or point.load())()
    except Exception:  # noqa: BLE001 - importing somebody's package may raise anything, and its types are then not known
        return {}


def _alone(point: EntryPoint) -> Any:
    """Return the function of an entry point from its file, without its package, whose import would bring Airflow in."""
    if not point.module.startswith("airflow.") or point.dist is None:
        return None
    path = str(point.dist.locate_file(f"{point.module.replace('.', '/')}.py"))
    spec = importlib.util.spec_from_file_location(f"osiris_info_of_{point.name}", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (OSError, ImportError):
        # Installed for editing, or it needs its package.
        return None
    return getattr(module, point.attr)


def _forms_in(info: Any) -> Iterator[Form]:
    """Yield the forms of a provider's info; what is not of the right shape is passed over, as Airflow does."""
    declared = info.get("connection-types") if isinstance(info, Mapping) else None
    for entry in declared if isinstance(declared, Iterable) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("connection-type"), str):
            behaviour, fields = _mapping(entry, "ui-field-behaviour"), _mapping(entry, "conn-fields")
            yield Form(
                entry["connection-type"],
                str(info.get("package-name", "")),
                str(entry.get("hook-class-name", "")),
                frozenset(behaviour.get("hidden-fields") or ()) & frozenset(SLOTS),
                {name: _mapping(one, "schema") for name, one in fields.items() if isinstance(one, Mapping)},
            )


def _mapping(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}
