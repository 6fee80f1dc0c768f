"""Marks that say on which servers of family ``mysql`` a test runs: ``pytestmark = MYSQL_AND_MARIADB``.

Fixture ``mysql_family``, and with it ``mysql_database``, is then the one and the other; without a mark it is MariaDB.
"""

from __future__ import annotations

from typing import Final

import pytest

MYSQL_AND_MARIADB: Final = pytest.mark.mysql_servers("mariadb", "mysql_server")
ONLY_MYSQL: Final = pytest.mark.mysql_servers("mysql_server")
ONLY_MARIADB: Final = pytest.mark.mysql_servers("mariadb")


def parametrize_servers(metafunc: pytest.Metafunc) -> None:
    """Have a test that takes ``mysql_family`` run once on each server that its closest mark names."""
    if "mysql_family" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("mysql_servers") or ONLY_MARIADB.mark
        metafunc.parametrize("mysql_family", marker.args, indirect=True)
