"""Addresses of servers as client libraries take them; imports none of what starts the servers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.servers import Address

DRIVERS = {"mysql": "mysql+pymysql", "postgres": "postgresql+psycopg2"}
"""Families, and what stands before the :// of SQLAlchemy's addresses."""


def url_of(scheme: str, address: Address) -> str:
    login = f"{quote(address.user, safe='')}:{quote(address.password, safe='')}"
    return f"{scheme}://{login}@{address.host}:{address.port}/{address.database}"
