"""A throwaway MariaDB server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.servers.mysql import MySQLFamilyServer
from tests.servers.programs import find_program


class MariaDBServer(MySQLFamilyServer):
    """A throwaway MariaDB server."""

    label = "mariadb"

    def programs(self) -> list[Path]:
        return [find_program(name) for name in ("mariadb-install-db", "mariadbd")]

    def initialise(self) -> None:
        self.run(
            [
                str(self.programs()[0]),
                "--no-defaults",
                f"--datadir={self.data}",
                f"--tmpdir={self.directory}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ]
        )

    def own_options(self) -> Sequence[str]:
        return ("--character-set-server=utf8mb4",)
