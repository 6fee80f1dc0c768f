"""Say which servers the tests would use: ``python -m tests.servers``; exit code 1 if one is missing."""

from __future__ import annotations

import subprocess
import sys

from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerStartError, find_program


def main() -> int:
    try:
        programs = [server.programs()[-1] for server in (MariaDBServer(), PostgresServer())]
        programs.append(find_program("localedef", ()))
    except ServerStartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    for program in programs:
        subprocess.run([program, "--version"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
