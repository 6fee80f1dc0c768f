"""Config of the drivers of MySQL and MariaDB."""

from __future__ import annotations

from typing import Final, Literal

from osiris_provider.drivers.sql.config import ServerQueryConfig, WriteConfig

Engine = Literal["auto", "load_data", "insert"]
"""How rows get into a table."""

SEVERAL_RESULTS: Final = (
    "the statement returns more than one result, as a procedure with several SELECTs does, and all but the first would "
    "be lost. Have it return one, or select each in a step of its own."
)


class MySQLQueryConfig(ServerQueryConfig):
    """Config of ``mysql.extractor``. While reading, the session's time zone is UTC.

    :param engine: how the result travels: ``binary`` (a prepared statement), ``cursor`` (text, for statements that
        the server does not prepare), or ``auto``, which takes the first that works. Types and values are the same.
    """

    engine: Literal["auto", "binary", "cursor"] = "auto"


class MySQLWriteConfig(WriteConfig):
    """Config of ``mysql.writer``.

    :param engine: ``load_data`` sends rows with LOAD DATA LOCAL INFILE, ``insert`` with INSERTs of many rows; ``auto``
        takes the first if server and client allow it.
    """

    engine: Engine = "auto"
