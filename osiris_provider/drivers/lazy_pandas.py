"""pyarrow without pandas until somebody imports that.

The first Python value that pyarrow turns into one of its own has it import pandas, if that is installed, to know its
values for missing ones: a third of a second and 60 MiB for each process, for steps that have nothing to do with pandas.
That is as much as all else that a step costs together (docs/benchmarks.md, Steps).

This leans on ``pyarrow.lib._pandas_api``, which is no public name. It is worth it because nothing can go wrong with the
data: the object is only asked what pyarrow itself asks it, nothing of pyarrow is replaced, and where a version has no
such name, or another one, pandas is imported as ever. The tests of this module tell which version that is.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
import threading
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_PANDAS = "pandas"


@cache
def leave_pandas_out() -> None:
    """Have pyarrow take pandas for missing until it is imported, by whomever; from then on all is as ever."""
    if _PANDAS in sys.modules:
        return
    import pyarrow as pa

    known: Any = getattr(pa.lib, "_pandas_api", None)
    if known is None:
        return
    finder = _Finder(known)
    sys.meta_path.insert(0, finder)
    try:
        with finder.refusing():
            # It looks once, and again where it cannot do without.
            _ = known.have_pandas
    except (AttributeError, ImportError):
        sys.meta_path.remove(finder)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds pandas where it is, and tells pyarrow when it has been imported."""

    def __init__(self, known: Any) -> None:
        self._known = known
        self._refusing = threading.local()

    @contextlib.contextmanager
    def refusing(self) -> Any:
        """Have this thread, and no other, not find pandas."""
        self._refusing.now = True
        try:
            yield
        finally:
            self._refusing.now = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find."""
        if fullname != _PANDAS:
            return None
        if getattr(self._refusing, "now", False):
            message = "pyarrow does without pandas until somebody imports it"
            raise ModuleNotFoundError(message, name=fullname)
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._known)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads pandas as its own loader does, and tells pyarrow."""

    def __init__(self, loader: Any, known: Any) -> None:
        self._loader = loader
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the loader makes."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Load the module, and have pyarrow look again."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        with contextlib.suppress(AttributeError, ImportError):
            # It imports pandas as it would have done before, and says so if that is too old.
            _ = self._known.pd
