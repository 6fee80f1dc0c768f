"""Finding drivers: entry points of group ``osiris_provider.drivers``, dotted paths, classes."""

from __future__ import annotations

import importlib
from typing import Any, cast

from osiris_provider.connections.reference import shown
from osiris_provider.connections.registry import all_points, find_point
from osiris_provider.drivers.base import Driver
from osiris_provider.errors import DriverConfigError
from osiris_provider.messages import did_you_mean

GROUP = "osiris_provider.drivers"


def driver_names() -> list[str]:
    """Return the names of all installed drivers, sorted."""
    return list(all_points(GROUP))


def get_driver(driver: str | type[Any]) -> Driver:
    """Return a new driver.

    :param driver: a registered name (``mysql.extractor``), a dotted path (``my_company.drivers.Salesforce`` or
        ``my_company.drivers:Salesforce``), or a class.
    :raises DriverConfigError: there is no such driver, or it has no ``run``.
    """
    if not isinstance(driver, str | type):
        message = f"A driver is a name such as mysql.extractor, or a class, not {type(driver).__name__}."
        raise DriverConfigError(message)
    cls = driver if isinstance(driver, type) else _load(driver)
    created = cls()
    if not isinstance(created, Driver):
        message = f"{cls.__module__}.{cls.__qualname__} is not a driver: it has no run(step_id, config, inputs, ctx)."
        raise DriverConfigError(message)
    return created


def _load(name: str) -> type[Any]:
    point = find_point(GROUP, name)
    if point is not None:
        return cast("type[Any]", point.load())
    module_name, _, attribute = name.rpartition(":" if ":" in name else ".")
    problem = ""
    try:
        cls = getattr(importlib.import_module(module_name), attribute, None) if module_name else None
        if isinstance(cls, type):
            return cls
    except ImportError as error:
        # That the module itself is not there, or a package that it is in, is what the message says already.
        itself = f"{module_name}.".startswith(f"{error.name}.")
        problem = f" ({error})" if error.name and not itself else ""
    known = driver_names()
    installed = ", ".join(known)
    message = f"There is no driver '{shown(name)}'{problem}.{did_you_mean(name, known)} Installed are: {installed}."
    raise DriverConfigError(message)
