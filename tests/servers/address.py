"""Where a test finds a database, and as whom."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

APP_USER: Final = "app_user"

# Every character that URLs, INI files, shells and SQL like to trip over.
APP_PASSWORD: Final = "p@ss:w/o#r%d?&'\"+ ünïcødé €"


@dataclass(frozen=True)
class Address:
    """One account on one database of one server."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str


def entry(address: Address, **changes: Any) -> dict[str, Any]:
    """Return what a connections file has on a database.

    :param changes: fields that are to have other values, or are there besides.
    """
    return {**asdict(address), **changes}
