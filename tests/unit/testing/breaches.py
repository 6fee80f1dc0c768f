"""Running a test of a contract by hand, with what keeps the contract and with what breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

import pytest
from osiris_provider.errors import OsirisError

T = TypeVar("T")
NOTICED = (AssertionError, LookupError, OsirisError, TypeError, ValueError, pytest.fail.Exception)


def breach(base: type[T], **members: Any) -> type[T]:
    """Return a class that is sound but for these members."""
    return type("Breach", (base,), members)


def put_to(contract: object, name: str, given: Mapping[str, Any]) -> None:
    """Run a test of a contract.

    :param given: its fixtures, and more than it needs.
    """
    test = getattr(contract, name)
    test(**{key: given[key] for key in inspect.signature(test).parameters if key in given})


def promises_of(contract: type[object]) -> set[str]:
    """Return the names of the tests that a contract adds to those that it inherits."""
    return {name for name in vars(contract) if name.startswith("test_")}
