"""Whether another user may have written, or can read, a connections file: the checks of git, ssh and Ansible.

A connections file says where the secrets of the environment are sent. Also here: who may read what this package makes.
"""

from __future__ import annotations

import errno
import grp
import logging
import os
import pwd
import stat
from pathlib import Path

log = logging.getLogger(__name__)

_NO_MODES = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems say that have no modes of their own, such as a share of Azure Files."""
_warned: set[int] = set()
"""Of which devices that was said."""


def set_mode(path: str | os.PathLike[str], mode: int, descriptor: int | None = None) -> None:
    """Give what this process has just made its mode, whatever the umask.

    Where a file system has no modes there is a warning: its mount says who can read what lies there.

    :param path: of a file or a directory.
    :param mode: such as 0o600.
    :param descriptor: of the file, if it is open.
    :raises OSError: it fails otherwise.
    """
    try:
        os.chmod(path if descriptor is None else descriptor, mode)
    except OSError as error:
        if error.errno not in _NO_MODES:
            raise
        device = os.stat(path).st_dev
        if device not in _warned:
            _warned.add(device)
            log.warning(
                "%s cannot get mode %04o: its file system has no modes, or another owner. Who can read what lies there "
                "is what its mount says; for SMB set uid, gid, file_mode and dir_mode.",
                path,
                mode,
            )


def distrust(path: Path) -> str | None:
    """Return why a file may be another user's work, or None.

    It has to be owned by this user, by root or, for root, by who called sudo; so has a link to it. No one else may
    write to it, nor put another in its place: others may write only to those of its directories that have a sticky bit.

    :param path: of a file; what cannot be looked at is left to its reader.
    """
    try:
        problem = _owner_problem(path.lstat(), path) or _owner_problem(path.stat(), path)
        if problem is None and _others_write(path.stat()):
            problem = f"other users can write to {path}"
        return problem or _directory_problem(path)
    except OSError:
        return None


def is_read_only(path: Path) -> bool:
    """Return whether a file, and the link that leads to it, lie on a mount that is read-only in this place.

    So do volumes of ConfigMaps, whose directories are open to all, and checkouts that containers share. No user here
    can change such a file, nor its owner or mode.

    :param path: of the file.
    """
    try:
        paths = [path, path.parent] if path.is_symlink() else [path]
        return all(os.statvfs(one).f_flag & os.ST_RDONLY for one in paths)
    except OSError:
        return False


def others_read(path: Path) -> bool:
    """Return whether users other than the owner can read a file, as its mode says."""
    try:
        status = path.stat()
    except OSError:
        return False
    return bool(status.st_mode & stat.S_IROTH) or bool(status.st_mode & stat.S_IRGRP and not _is_private(status.st_gid))


def _directory_problem(path: Path) -> str | None:
    resolved = path.resolve()
    for directory in dict.fromkeys([*path.absolute().parents, *resolved.parents]):
        status = directory.stat()
        if _others_write(status) and not status.st_mode & stat.S_ISVTX:
            return f"other users can write to its directory {directory}"
    return None


def _owner_problem(status: os.stat_result, path: Path) -> str | None:
    if status.st_uid in _trusted_users():
        return None
    what = "the link " if stat.S_ISLNK(status.st_mode) else ""
    return f"{what}{path} is owned by {_user_name(status.st_uid)}, and this process runs as {_user_name(os.geteuid())}"


def _trusted_users() -> set[int]:
    users = {0, os.geteuid()}
    invoking = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and invoking.isascii() and invoking.isdigit():
        users.add(int(invoking))
    return users


def _others_write(status: os.stat_result) -> bool:
    by_group = status.st_mode & stat.S_IWGRP and not _is_private(status.st_gid)
    return bool(status.st_mode & stat.S_IWOTH or by_group)


def _is_private(gid: int) -> bool:
    """Return whether a group is root's, or has this user as its only member, as those that ``useradd`` makes."""
    if gid == 0:
        return True
    uid = os.geteuid()
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(uid)
    except KeyError:
        # In a container that does not know them.
        return gid == uid
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _user_name(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name} ({uid})"
    except KeyError:
        return f"user {uid}"
