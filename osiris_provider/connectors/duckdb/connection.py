"""The connection of the duckdb family: its fields."""

from __future__ import annotations

import os
import re
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, Field, field_validator, model_validator
from typing_extensions import Self

from osiris_provider.connectors.model import ConnectionModel, FieldInfo

IN_MEMORY = ":memory:"
MAX_SHOWN = 100


def _size(memory: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", memory, re.IGNORECASE):
        message = "is a size such as 500MB or 2GB"
        raise ValueError(message)
    return memory


Memory = Annotated[str, AfterValidator(_size)]
Threads = Annotated[int, Field(ge=1, le=1024)]


class DuckDBConnection(ConnectionModel):
    """Where the database is and how it may be used."""

    # Not Airflow's host: Airflow lower-cases that on its way through a URI.
    path: Annotated[
        str,
        FieldInfo("Database file; :memory: for none. ~ is your home.", public=True, placeholder="~/warehouse.duckdb"),
        Field(min_length=1),
    ]
    read_only: Annotated[bool, FieldInfo("Open for reading; many processes may do so at a time.")] = False
    memory: Annotated[
        Memory | None,
        FieldInfo("Most memory to take; what needs more goes to disk.", placeholder="2GB"),
    ] = None
    threads: Annotated[Threads | None, FieldInfo("Most threads to use; all processors if not given.")] = None
    lock_timeout: Annotated[
        float, FieldInfo("Seconds to wait while another process has the file open."), Field(ge=0, le=3600)
    ] = 10.0

    external_access: Annotated[
        bool,
        FieldInfo(
            "Let SQL read and write other files and URLs, and load extensions. A view in the file may do so, too."
        ),
    ] = False
    temp_directory: Annotated[
        str | None,
        FieldInfo("Directory for what does not fit into memory; the system's temporary directory if not given."),
        Field(min_length=1),
    ] = None

    @field_validator("path")
    @classmethod
    def _local(cls, path: str) -> str:
        if not path.startswith(IN_MEMORY) and re.match(r"[A-Za-z0-9]{2,}:", path):
            message = "is the path of a local file, not a URL"
            raise ValueError(message)
        if "motherduck_token=" in path.lower():
            # The path is shown in messages; a credential in it would be, too.
            message = "is the path of a local file; take the MotherDuck token out of it"
            raise ValueError(message)
        if "\0" in path:
            message = "has a NUL character in it"
            raise ValueError(message)
        return path

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.in_memory and self.read_only:
            message = "read_only makes no sense with an in-memory database, which begins empty"
            raise ValueError(message)
        return self

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self.path.startswith(IN_MEMORY)

    @property
    def database(self) -> str:
        """The absolute path of the file, or ``:memory:``."""
        return self.path if self.in_memory else os.path.abspath(os.path.expanduser(self.path))

    def connect_seconds(self) -> float:
        """Return how long a client may wait for its turn."""
        return self.lock_timeout

    def shown_address(self) -> str:
        """Return the path, the end of it if it is long."""
        if self.in_memory:
            return "DuckDB in memory"
        return self.database if len(self.database) <= MAX_SHOWN else f"...{self.database[-MAX_SHOWN:]}"

    def as_url(self, *, redacted: bool) -> str:  # noqa: ARG002 - there are no credentials
        """Return ``duckdb:///path``; there is nothing to redact."""
        return f"duckdb:///{quote(self.database.removeprefix('/'), safe='/:')}"
