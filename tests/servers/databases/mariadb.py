"""A throwaway MariaDB server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.servers.databases.mysql import MySQLFamilyServer
from tests.servers.programs import find_program


class MariaDBServer(MySQLFamilyServer):
    """A throwaway MariaDB server."""

    label = "mariadb"

    def programs(self) -> list[Path]:
        return [find_program(name) for name in ("mariadb-install-db", "mariadbd")]

    def initialise(self) -> None:
        self.make_data(
            [
                str(self.programs()[0]),
                "--no-defaults",
                f"--basedir={self._base}",
                f"--datadir={self.data}",
                f"--tmpdir={self.directory}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ]
        )

    def own_options(self) -> Sequence[str]:
        return (f"--basedir={self._base}", "--character-set-server=utf8mb4")

    @property
    def _base(self) -> Path:
        """Where the server's own files are; it would look in /usr for them."""
        return self.programs()[-1].parents[1]
