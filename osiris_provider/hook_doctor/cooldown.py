"""Credentials that a server has refused are not tried again for a while: servers lock accounts that try too often.

What is kept is a small file for each such connection, for its owner alone, on this machine: when, which fault, and a
fingerprint of the credentials. Other credentials have another fingerprint, and are tried at once. It is two bytes of a
slow hash with a salt: enough to tell a correction, and far too little to check a guess.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import queue
import secrets
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from osiris_provider.connections.redact import is_sensitive
from osiris_provider.connections.reference import shown
from osiris_provider.connections.settings import airflow_home, setting
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.hook_doctor.connection import HookConnection, texts_in

OPTION = "auth_cooldown_hours"
DEFAULT_HOURS = 6.0
MAX_HOURS = 1e6
"""A century, so that until when it is can be said."""
FOLDER = "osiris_cooldown"
"""In AIRFLOW_HOME."""
FINGERPRINT_BYTES = 2
ROUNDS = 100_000
MAX_BYTES = 4096
MAX_FILE_BYTES = 64 * 1024
"""Of a key or a token in a file."""
MAX_READ = 1.0
"""Seconds in which the files that a connection names are read: one on a mount that is dead never answers."""


@dataclass(frozen=True)
class Refusal:
    """Credentials that a server has refused.

    :param at: when, in seconds since 1970: other processes read it.
    :param fault: its slug.
    :param salt: of the fingerprint.
    :param fingerprint: of the credentials.
    """

    at: float
    fault: str
    salt: str
    fingerprint: str

    def is_of(self, connection: HookConnection) -> bool:
        """Return whether the connection has the same credentials still."""
        return secrets.compare_digest(self.fingerprint, _fingerprint(connection, self.salt))


_memory: dict[str, Refusal] = {}
"""Where no file can be kept."""


class Cooldown:
    """What is known of refused credentials.

    :param hours: for which they are not tried again; 0 forgets nothing and keeps nothing back.
    :param folder: where it is kept; made if it is not there.
    """

    def __init__(self, hours: float, folder: Path) -> None:
        self.hours = hours
        self.folder = folder

    @classmethod
    def from_settings(cls) -> Cooldown:
        """Return that of this process.

        :raises ConnectionConfigError: ``[osiris] auth_cooldown_hours`` is no number of hours.
        """
        written = setting(OPTION)
        try:
            hours = DEFAULT_HOURS if written is None else float(written)
        except ValueError:
            hours = math.nan
        if not 0 <= hours < math.inf:
            message = f"[osiris] {OPTION}: '{shown(str(written))}' is no number of hours, such as 6 or 0.5; 0 is none."
            raise ConnectionConfigError(message, field=OPTION)
        return cls(min(hours, MAX_HOURS), airflow_home() / FOLDER)

    def refusal(self, connection: HookConnection) -> Refusal | None:
        """Return the refusal of a connection's credentials, if they are not to be tried yet."""
        if not self.hours:
            return None
        name = _name(connection)
        known = _memory.get(name)
        with suppress(OSError), self._opened() as directory:
            known = _read(directory, name) or known
        # Of a clock that was set back nothing is believed.
        if known is None or not 0 <= time.time() - known.at < self.hours * 3600:
            return None
        try:
            return known if known.is_of(connection) else None
        except TimeoutError:
            # That they have been corrected cannot be seen, and a login too many locks the account.
            return known

    def keep(self, connection: HookConnection, fault: str) -> None:
        """Take note that a server has refused a connection's credentials; of those that are not in it, nothing is kept.

        They are this machine's: a profile, a role, a program. That they are corrected could not be noticed.

        :param connection: that was checked.
        :param fault: its slug.
        """
        salt = secrets.token_hex(16)
        try:
            if not self.hours or not _has_credentials(connection):
                return
            refusal = Refusal(time.time(), fault, salt, _fingerprint(connection, salt))
        except TimeoutError:
            # What could not be noticed to be corrected is not kept.
            return
        name = _name(connection)
        try:
            with self._opened(make=True) as directory:
                _write(directory, name, refusal)
        except OSError:
            _memory[name] = refusal

    def forget(self, connection: HookConnection) -> None:
        """Take note that a server has accepted a connection's credentials."""
        name = _name(connection)
        _memory.pop(name, None)
        with suppress(OSError), self._opened() as directory:
            os.unlink(name, dir_fd=directory)

    def until(self, refusal: Refusal) -> str:
        """Return when the credentials are tried again, in ISO 8601 and UTC."""
        return iso(refusal.at + self.hours * 3600)

    @contextmanager
    def _opened(self, *, make: bool = False) -> Iterator[int]:
        """Yield a descriptor of the folder.

        :raises OSError: there is none, or others may write there.
        """
        if make:
            with suppress(FileExistsError):
                os.mkdir(self.folder, 0o700)
        directory = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            status = os.fstat(directory)
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
                message = "the folder is not this user's alone"
                raise PermissionError(message)
            yield directory
        finally:
            os.close(directory)


def iso(seconds: float) -> str:
    """Return a time in ISO 8601, UTC, to the minute.

    :param seconds: since 1970.
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def _name(connection: HookConnection) -> str:
    """Return the name of a connection's file, which says nothing of it."""
    parts = (connection.conn_id, connection.conn_type, connection.host, connection.port, connection.login)
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def _has_credentials(connection: HookConnection) -> bool:
    return bool(connection.password or any(_names_secret(connection.extra)) or _files(connection))


def _names_secret(extra: Mapping[str, Any]) -> Iterator[bool]:
    for name, value in extra.items():
        yield bool(value) and is_sensitive(name)
        if isinstance(value, Mapping):
            yield from _names_secret(value)


_readers: dict[str, threading.Thread] = {}
"""By the name of a connection: what reads its files, so that one that is stuck there is the only one."""


def _files(connection: HookConnection) -> list[str]:
    """Return hashes of the files that a connection names: keys and tokens are corrected there, too.

    :raises TimeoutError: they cannot be read within :data:`MAX_READ`.
    """
    paths = [text for text in texts_in(connection.extra) if os.sep in text]
    if not paths:
        return []
    name = _name(connection)
    if name in _readers:
        _readers[name].join(MAX_READ)
        if _readers[name].is_alive():
            raise TimeoutError
    hashes: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: hashes.put(list(_hashes(paths))), name="osiris-cooldown", daemon=True)
    reader.start()
    _readers[name] = reader
    try:
        return hashes.get(timeout=MAX_READ)
    except queue.Empty:
        raise TimeoutError from None


def _hashes(paths: list[str]) -> Iterator[str]:
    for path in paths:
        # A file that has gone, or is no text, is another thing than no file: the hook says so.
        with suppress(OSError, ValueError):
            yield _hash(os.path.expanduser(path))


def _hash(path: str) -> str:
    """Return the hash of a file.

    :raises OSError: there is none.
    """
    # Before it is opened: that would begin something with a device, and let go who waits at the other end of a FIFO.
    _check_regular(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_regular(os.fstat(descriptor))
        return hashlib.sha256(os.read(descriptor, MAX_FILE_BYTES)).hexdigest()
    finally:
        os.close(descriptor)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError


def _fingerprint(connection: HookConnection, salt: str) -> str:
    files = _files(connection)
    credentials = (connection.login, connection.password, connection.schema, dict(connection.extra), files)
    text = json.dumps(credentials, sort_keys=True, default=str).encode()
    return hashlib.pbkdf2_hmac("sha256", text, salt.encode(), ROUNDS, FINGERPRINT_BYTES).hex()


def _read(directory: int, name: str) -> Refusal | None:
    """Return what a file says; None if there is none, or it is damaged."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        text = file.read(MAX_BYTES)
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        entry = json.loads(text)
        return Refusal(float(entry["at"]), str(entry["fault"]), str(entry["salt"]), str(entry["fingerprint"]))
    return None


def _write(directory: int, name: str, refusal: Refusal) -> None:
    part = f"{name}.{secrets.token_hex(4)}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(refusal), file)
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise
