"""The declarations of all types, found where they lie."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from osiris_provider.hook_doctor import types
from osiris_provider.hook_doctor.base import HookType


@cache
def hook_types() -> Mapping[str, HookType]:
    """Return all declared types by connection type, each of which one module declares."""
    known: dict[str, HookType] = {}
    modules = pkgutil.walk_packages(types.__path__, f"{types.__name__}.")
    for module in sorted(one.name for one in modules if not one.ispkg):
        declared: HookType = import_module(module).TYPE
        known.update(dict.fromkeys(declared.conn_types, declared))
    return known


def hook_type(conn_type: str) -> HookType:
    """Return the declaration of a connection type; for one that has none, what holds for any hook with a test.

    :param conn_type: of an Airflow connection.
    """
    return hook_types().get(conn_type) or HookType((conn_type,), conn_type, proves_login=False)
