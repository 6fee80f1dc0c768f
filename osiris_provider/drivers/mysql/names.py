"""Names, as MySQL and MariaDB write them."""

from __future__ import annotations


def quote(name: str) -> str:
    """Return an identifier quoted."""
    return "`" + name.replace("`", "``") + "`"
