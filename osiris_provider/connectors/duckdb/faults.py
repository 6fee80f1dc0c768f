"""What DuckDB and the operating system say about a database file, each with its fault (CONN-010)."""

from __future__ import annotations

import errno
import os

from osiris_provider.connectors.sql.faults import BAD_DATA, BAD_SQL, CONFLICT, NO_SUCH_TABLE
from osiris_provider.errors import Fault

LOCKED = Fault(
    "database_locked",
    "unknown",
    "Another process has {address} open, and DuckDB lets one process write at a time. Wait for it to end, or find it "
    "with fuser. Set read_only if you only read.",
)
OTHER_SETTINGS = Fault(
    "other_settings",
    "unknown",
    "This process has {address} open with other settings. Give all its connections the same read_only, memory, "
    "threads, temp_directory and external_access.",
    True,
)
NO_FILE = Fault(
    "no_file", "unknown", "{address} does not exist and read_only forbids to create it. Check the path.", True
)
NO_DIRECTORY = Fault(
    "no_directory", "unknown", "The directory of {address} does not exist. Create it, or check the path.", True
)
NOT_A_FILE = Fault("not_a_file", "unknown", "{address} is not a regular file. Give the path of a DuckDB file.", True)
NOT_A_DATABASE = Fault(
    "not_a_database",
    "unknown",
    "{address} is not a DuckDB database, is damaged, or was written by a newer DuckDB. Check the path; move an empty "
    "file away.",
    True,
)
BAD_PATH = Fault("bad_path", "unknown", "{address} cannot be a path on this machine. Check it.", True)
NOT_ALLOWED = Fault(
    "not_allowed",
    "permission",
    "The rights on {address} or its directory do not allow this user to open it. Grant them, or set read_only.",
)
NO_SPACE = Fault("no_space", "unknown", "There is no space left for {address}. Free some.")
OUT_OF_MEMORY = Fault(
    "out_of_memory", "unknown", "DuckDB needs more memory than it may take. Raise memory, or lower threads.", True
)
FILE_FAILED = Fault("file_failed", "unknown", "DuckDB could not read or write a file. Check its path and the disk.")
EXTERNAL_ACCESS = Fault(
    "external_access",
    "permission",
    "SQL may not read or write other files, nor load extensions. Set external_access: true in the connection if you "
    "trust its queries and every view of the database.",
)

FAULT_BY_ERRNO = {
    errno.EAGAIN: LOCKED,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.EROFS: NOT_ALLOWED,
    errno.ENOENT: NO_DIRECTORY,
    errno.ENOTDIR: NO_DIRECTORY,
    errno.EISDIR: NOT_A_FILE,
    errno.ELOOP: BAD_PATH,
    errno.ENAMETOOLONG: BAD_PATH,
    errno.EINVAL: BAD_PATH,
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
}
"""What the operating system says about the file, to us or to DuckDB."""

FAULT_BY_END = {os.strerror(number): FAULT_BY_ERRNO[number] for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)}
"""The same at the end of what DuckDB says: a commit for which there is no room has the class of a conflict."""

FAULT_BY_CLASS = {
    "OutOfMemoryException": OUT_OF_MEMORY,
    "TransactionException": CONFLICT,
    "IOException": FILE_FAILED,
    "PermissionException": EXTERNAL_ACCESS,
    "CatalogException": NO_SUCH_TABLE,
    "ProgrammingError": BAD_SQL,
    "NotSupportedError": BAD_SQL,
    "DependencyException": BAD_SQL,
    "SequenceException": BAD_DATA,
    "IntegrityError": BAD_DATA,
    "DataError": BAD_DATA,
}
"""DuckDB has no codes; its exception classes are what comes nearest. The nearest class counts."""
