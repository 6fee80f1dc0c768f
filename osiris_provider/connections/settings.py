"""The ``[osiris]`` section of Airflow's configuration, and where the connections file is; without importing Airflow."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from osiris_provider.connections.reader import FILE_NAME, try_read_text
from osiris_provider.connections.reference import shown
from osiris_provider.connections.trust import distrust
from osiris_provider.errors import ConnectionConfigError, ConnectionNotFoundError

if TYPE_CHECKING:
    import configparser

MAX_PATH = 4096
"""Characters of a path in a message: who has to find the file needs all of it."""
_COMMAND_SECONDS = 60.0
_SECTION = re.compile(r"^\[osiris\][^\n]*\n(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)


def setting(key: str) -> str | None:
    """Return ``[osiris] key``: the variable ``AIRFLOW__OSIRIS__KEY``, else the entry of ``airflow.cfg``, else None.

    :param key: such as ``connections_file`` or ``staging_url``.
    """
    from_env = os.environ.get(f"AIRFLOW__OSIRIS__{key.upper()}")
    if from_env:
        return _expanded(from_env)
    config = Path(_expanded(os.environ.get("AIRFLOW_CONFIG") or str(airflow_home() / "airflow.cfg")))
    try:
        status = config.stat()
    except OSError:
        return None
    return _expanded(_osiris_section(config, status.st_mtime_ns).get(key, "")) or None


def secret_setting(key: str) -> str | None:
    """Return an option that Airflow calls sensitive, whose value may also be what a command writes.

    ``AIRFLOW__OSIRIS__KEY`` comes first, then ``AIRFLOW__OSIRIS__KEY_CMD``, then ``key`` and ``key_cmd`` in
    ``airflow.cfg``; as in Airflow, no shell runs the command. A secrets backend (``…_SECRET``) is not asked.

    :param key: such as ``api_token``.
    :raises ConnectionConfigError: the command fails.
    """
    variable = f"AIRFLOW__OSIRIS__{key.upper()}"
    command = None if os.environ.get(variable) else os.environ.get(f"{variable}_CMD")
    value = None if command else setting(key)
    command = command or (None if value else setting(f"{key}_cmd"))
    return _output_of(command, f"{key}_cmd") if command else value


def _output_of(command: str, key: str) -> str:
    import shlex
    import subprocess

    problem = ""
    try:
        words = shlex.split(command)
        done = subprocess.run(words, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False)  # noqa: S603 - its owner wrote it
        if done.returncode:
            problem = f"ended with exit code {done.returncode}"
        elif output := done.stdout.decode(errors="replace").rstrip("\r\n"):
            return output
        else:
            problem = "wrote nothing to stdout"
    except subprocess.TimeoutExpired:
        problem = f"took longer than {_COMMAND_SECONDS:g} seconds"
    except OSError as error:
        problem = f"cannot be started: {error.strerror}"
    except ValueError:
        problem = "is no command: look at its quotes"
    # The command is not shown, nor what it wrote: either may hold a secret.
    message = (
        f"[osiris] {key} (AIRFLOW__OSIRIS__{key.upper()}): its command {problem}. Run it by hand; no shell runs it."
    )
    raise ConnectionConfigError(message, field=key)


def file_mode() -> int:
    """Return ``[osiris] file_mode``, the mode of the files that this package makes; 0600 if it is not set.

    :raises ConnectionConfigError: it is no mode.
    """
    written = setting("file_mode") or "0600"
    mode = parse_mode(written)
    if mode is not None:
        return mode
    message = f"[osiris] file_mode: '{shown(written)}' is no mode such as 0600 or 0660; the owner reads and writes."
    raise ConnectionConfigError(message, field="file_mode")


def parse_mode(text: str) -> int | None:
    """Return the mode of a file, None if it is no octal number or the owner could not read and write.

    :param text: such as ``0640``. Rights to execute are dropped.
    """
    return int(text, 8) & 0o666 if re.fullmatch(r"0?[67][0-7][0-7]", text) else None


def _expanded(text: str) -> str:
    """Replace ``$NAME`` and ``~``, as Airflow does in all its options; ``~`` stays where no one knows a home."""
    return os.path.expanduser(os.path.expandvars(text))


def airflow_home() -> Path:
    """Return ``AIRFLOW_HOME`` or its default, ``~/airflow``."""
    return Path(_expanded(os.environ.get("AIRFLOW_HOME") or "~/airflow"))


@lru_cache(maxsize=4)
def _osiris_section(config: Path, _mtime_ns: int) -> dict[str, str]:
    import configparser

    parser = configparser.ConfigParser(strict=False)
    try:
        # The file as Airflow writes it has two thousand lines of other sections.
        parser.read_string("[osiris]\n" + "".join(_SECTION.findall(try_read_text(config)[0])))
    except configparser.Error:
        # Airflow itself reports a broken airflow.cfg, better than we could.
        return {}
    return {key: _interpolated(parser["osiris"], key) for key in parser["osiris"]}


def _interpolated(section: configparser.SectionProxy, key: str) -> str:
    """Return an option as Airflow reads it, with ``%%`` for a percent sign."""
    import configparser

    try:
        return section[key]
    except configparser.InterpolationError:
        # Airflow would refuse it, where anything asks for it.
        return section.get(key, "", raw=True)


def find_file(file: str | os.PathLike[str] | None = None) -> Path:
    """Find the connections file (CONN-001).

    Order: ``file``, ``[osiris] connections_file``, then ``osiris_connections.yaml`` in ``OSIRIS_HOME``, in the
    working directory and in ``AIRFLOW_HOME``. The first two are taken at their word: if they name a file that is not
    there, that is an error and not a reason to look elsewhere. A file of the working directory that another user may
    have written is refused (:func:`~osiris_provider.connections.trust.distrust`).

    :param file: an explicit path, or None.
    :raises ConnectionConfigError: the file that was named does not exist, or the one that was found is refused.
    :raises ConnectionNotFoundError: nothing was named and there is none in the standard locations.
    """
    if file is not None:
        return _existing(file, "asked for")
    option = setting("connections_file")
    if option:
        return _existing(option, "set by the osiris option connections_file")
    home = os.environ.get("OSIRIS_HOME")
    if home:
        return _existing(os.path.join(home, FILE_NAME), "set by OSIRIS_HOME")
    directories = list(dict.fromkeys([*_working_directory(), airflow_home()]))
    for directory in directories:
        if os.path.lexists(directory / FILE_NAME):
            return _trusted(directory / FILE_NAME)
    looked = " and ".join(str(directory) for directory in directories)
    message = f"There is no {FILE_NAME} in {looked}. Create one, or set OSIRIS_HOME to the directory that has it."
    raise ConnectionNotFoundError(message)


def _working_directory() -> list[Path]:
    try:
        return [Path.cwd()]
    except FileNotFoundError:
        # Somebody has removed it.
        return []


def _trusted(path: Path) -> Path:
    """Return the path of a file that no one has named, unless another user may have put it there."""
    problem = None if path.parent == airflow_home() else distrust(path)
    if problem is None:
        return path
    message = (
        f"Connections file {path} was found in the working directory, but {problem}. Such a file can send your secrets "
        f"anywhere. If you trust it, name it: --file {path}, OSIRIS_HOME={path.parent} or the osiris option "
        "connections_file. Else correct owner and mode (chown, chmod go-w), or work in another directory."
    )
    raise ConnectionConfigError(message, file=str(path))


def _existing(name: str | os.PathLike[str], how: str) -> Path:
    try:
        path = Path(name).expanduser().absolute()
        path.lstat()
    except FileNotFoundError:
        problem = "does not exist"
    except OSError as error:
        problem = f"cannot be reached: {error.strerror}"
    except (RuntimeError, ValueError) as error:
        problem = f"is not a path: {str(error).rstrip('.')}"
    else:
        # Whatever else is wrong with it, the reader says better.
        return path
    path_shown = shown(os.fspath(name), MAX_PATH)
    message = f"Connections file {path_shown} ({how}) {problem}."
    raise ConnectionConfigError(message, file=path_shown)
