"""Marks that say on which servers of family ``mysql`` a test runs: ``pytestmark = MYSQL_AND_MARIADB``."""

from __future__ import annotations

from typing import Final

import pytest

MYSQL_AND_MARIADB: Final = pytest.mark.parametrize("mysql_family", ["mariadb", "mysql_server"], indirect=True)
ONLY_MYSQL: Final = pytest.mark.parametrize("mysql_family", ["mysql_server"], indirect=True)
