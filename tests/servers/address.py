"""Where a test finds a database, and as whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

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
