"""Packages whose names are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, modules: Mapping[str, str], extra: str = "", optional: Collection[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package.

    :param package: ``__name__``.
    :param modules: the module below the package that has a name, by name.
    :param extra: of this distribution, which installs what is ``optional``.
    :param optional: packages that may be missing; the error then names the extra.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - is one, of the package
        if name not in modules:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        try:
            module = import_module(f"{package}.{modules[name]}")
        except ModuleNotFoundError as error:
            if error.name not in optional:
                raise
            message = f"{package} needs {error.name}: pip install 'airflow-provider-osiris[{extra}]'"
            raise ModuleNotFoundError(message, name=error.name) from None
        value = getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807 - as above
        return sorted({*vars(sys.modules[package]), *modules})

    return __getattr__, __dir__
