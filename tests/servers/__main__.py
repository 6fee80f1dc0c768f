"""Say which servers the tests would use; exit code 1 if one is missing.

``python -m tests.servers`` asks for all, ``python -m tests.servers mysql`` for that one, and
``python -m tests.servers --cache`` prints the directory in which servers of a newer release are unpacked.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.servers.databases.mariadb import MariaDBServer
from tests.servers.databases.mysql import MySQLServer
from tests.servers.databases.postgres import PostgresServer
from tests.servers.programs import ServerStartError, cache_directory, find_program

_PROGRAMS: Final[Mapping[str, Callable[[], Path]]] = {
    "mariadb": lambda: MariaDBServer().programs()[-1],
    "mysql": lambda: MySQLServer().programs()[-1],
    "postgres": lambda: PostgresServer().programs()[-1],
    "localedef": lambda: find_program("localedef", ()),
}


def main(arguments: Sequence[str]) -> int:
    if arguments == ["--cache"]:
        print(cache_directory())  # noqa: T201 - this is a command
        return 0
    try:
        programs = [_PROGRAMS[name]() for name in arguments or _PROGRAMS]
    except ServerStartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    for program in programs:
        subprocess.run([program, "--version"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
