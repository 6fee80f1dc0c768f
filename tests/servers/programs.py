"""Where the programs of the servers are."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

# Set by scripts/test-servers: directories of unpacked servers, with colons between, that come before the system's.
_PREFERRED: Final = "TEST_SERVERS"
_PROJECT: Final = "airflow-provider-osiris"
_SHARED: Final = Path("/var/cache") / _PROJECT
_SYSTEM: Final = tuple(Path(path) for path in ("/usr/sbin", "/usr/bin", "/usr/libexec"))

_INSTRUCTIONS: Final = (
    "{program} was not found. The tests need real servers: run scripts/test as root (it installs them), "
    "or apt-get install mariadb-server postgresql locales, or docker compose run --rm --build test."
)
_MYSQL_INSTRUCTIONS: Final = (
    "MySQL's mysqld was not found (MariaDB's is another server). Run scripts/test: it unpacks Debian's package "
    "in {cache}; or install mysql-server-core, or docker compose run --rm --build test."
)


class ServerStartError(RuntimeError):
    """The server's program is missing, or it ended before it could be used."""


def cache_directory() -> Path:
    """Return where scripts/test unpacks servers: for root a place that the servers' own users can read."""
    if os.geteuid() == 0:
        return _SHARED
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _PROJECT


def find_program(name: str, directories: Sequence[Path] = _SYSTEM) -> Path:
    """Find a server's program in its usual directories, then on the PATH.

    :param name: File name of the program.
    :param directories: Where distributions put it; these come first because a PATH may hold wrappers.
    :raises ServerStartError: It is not installed; says how to install it.
    """
    for path in _candidates(name, directories):
        return path
    raise ServerStartError(_INSTRUCTIONS.format(program=name))


@cache
def find_mysqld() -> Path:
    """Find a ``mysqld`` that is MySQL's: the system's, else the one that scripts/test has unpacked.

    :raises ServerStartError: There is none; says how to get one.
    """
    unpacked = _programs_below([cache / "unstable/mysql" for cache in (cache_directory(), _SHARED)])
    for path in chain(_candidates("mysqld", _SYSTEM), _executables("mysqld", unpacked)):
        if _is_mysql(path):
            return path
    raise ServerStartError(_MYSQL_INSTRUCTIONS.format(cache=cache_directory()))


def _candidates(name: str, directories: Sequence[Path]) -> Iterator[Path]:
    preferred = [Path(root) for root in os.environ.get(_PREFERRED, "").split(":") if root]
    yield from _executables(name, [*_programs_below(preferred), *directories])
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)


def _executables(name: str, directories: Iterable[Path]) -> Iterator[Path]:
    return (directory / name for directory in directories if os.access(directory / name, os.X_OK))


def _programs_below(roots: Iterable[Path]) -> list[Path]:
    """Return the directories of programs of servers that were unpacked in these."""
    places = ("usr/sbin", "usr/bin", "usr/lib/postgresql/*/bin")
    return [path for root in roots for pattern in places for path in root.glob(pattern)]


def _is_mysql(mysqld: Path) -> bool:
    """MariaDB installs its server under MySQL's name, too; only the version tells the two apart."""
    done = subprocess.run([mysqld, "--version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "MariaDB" not in done.stdout.rpartition(" Ver ")[2]
