"""What is known of a connection type: one declaration a driver."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.connection import HookConnection

Codes = Mapping[str, Fault | Mapping[Any, Fault]]
"""By the name of an exception's class: its fault, or the faults of its codes."""
ELSE = None
Evidence = Literal["real server", "imitation", "by documentation only"]
Details = Mapping[str, Any]


class UnreadableFieldError(Exception):
    """A field of the connection, or a file that it names, is not JSON, or not text."""


@contextmanager
def reading_fields() -> Iterator[None]:
    """Have what cannot be decoded in this block count as the connection's mistake: its server has said nothing yet."""
    try:
        yield
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise UnreadableFieldError from None


@dataclass(frozen=True)
class LoggedIn:
    """What a probe of a database returns that leaves its connection open, to be asked for more.

    :param connection: of the DB-API.
    """

    connection: Any

    def ask(self, question: str) -> list[dict[str, Any]]:
        """Return the rows of an answer, by the names of their columns in small letters."""
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(question)
            names = [str(column[0]).lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class HookType:
    """How connections of one driver are checked, and what the codes of its library mean.

    Declared as ``TYPE`` in a module of :mod:`osiris_provider.hook_doctor.types`; adding one edits nothing else. All
    functions run in the child: they import what they need themselves.

    :param conn_types: of Airflow connections, such as ``("ssh", "sftp")``.
    :param title: for the docs.
    :param codes: faults by exception class name and code, never by text. Of each exception along the chain of causes,
        nearest first, the first of its classes that is in here decides; with an empty mapping, its cause does. The code
        :data:`ELSE` is for where neither a code nor a cause says more.
    :param codes_at: where exceptions carry their code: names of attributes, with dots: ``response.status_code``; a
        number is an index: ``args.0``; a name that is a key of a mapping is one too: ``response.Error.Code``.
    :param probe: does what shows that the hook can work there, with one login, and returns details for people; raises
        whatever its library does. None runs the hook's own ``test_connection``.
    :param ends: asks where a probe has logged in when the password or the user comes to its end: yields codes of
        :mod:`osiris_provider.hook_doctor.expiry` and times, which are the same at each check. The verdict has been sent
        before; what this raises, or what takes too long, is left out.
    :param prepare: returns the connection as it should be tried: fewer retries, shorter timeouts.
    :param hook_params: further arguments of the hook's class.
    :param is_safe: whether the hook's own test only reads. If not, and without a probe, nothing is run: ``untestable``.
    :param proves_login: whether "ok" shows that the credentials were accepted; else details say ``proven: false``. A
        probe that finds out itself returns ``proven`` in its details.
    :param default_port: that the library takes if the connection has none; for one plain connect where no code helps.
    :param endpoint: returns host and port for that, where they are not those of the connection, or None for no connect.
    :param connect_first: whether one plain connect comes first: for libraries that try a refused connection again and
        again, or tell of it without a code.
    :param needs_host: whether nothing is tried without a host, for which libraries take this machine.
    :param host_is_url: whether people may put a URL into the host, which is a name for all others.
    :param in_clear: returns what to do about a connection whose credentials others on the way could read, such as
        ``"set use_ssl"``; None for one that is encrypted, has none, or sends no form of them that can be read.
    :param imports: modules that its library imports only when it connects, and that are imported with the hook, once.
    :param warm: does once, after these imports, what each check would do again; it knows no connection.
    :param without: modules that its library imports if they are there, and that no check needs: in its processes they
        are not. They take memory, and seconds, and may start threads.
    :param evidence: what its tests run against; the generated matrix says it.
    :param apart: why it is not tried with a closed port, an unknown host, a silent peer, wrong and right credentials as
        all others are, and what is tried instead; for the docs.
    """

    conn_types: tuple[str, ...]
    title: str
    codes: Codes = field(default_factory=dict)
    codes_at: tuple[str, ...] = ("code",)
    probe: Callable[[Any], Details | LoggedIn | None] | None = None
    ends: Callable[[LoggedIn], Iterator[tuple[str, datetime]]] | None = None
    prepare: Callable[[HookConnection], HookConnection] | None = None
    hook_params: Mapping[str, Any] = field(default_factory=dict)
    is_safe: bool = True
    proves_login: bool = True
    default_port: int | None = None
    endpoint: Callable[[HookConnection], tuple[str, int] | None] | None = None
    connect_first: bool = False
    needs_host: bool = False
    host_is_url: bool = False
    in_clear: Callable[[HookConnection], str | None] | None = None
    imports: tuple[str, ...] = ()
    warm: Callable[[], None] | None = None
    without: tuple[str, ...] = ()
    evidence: Evidence = "by documentation only"
    apart: str = ""

    def address(self, connection: HookConnection) -> tuple[str, int] | None:
        """Return host and port of the server, or None if that is not known."""
        if self.endpoint is not None:
            return self.endpoint(connection)
        port = connection.port or self.default_port
        return (connection.host, port) if connection.host and port else None

    def note(self, connection: HookConnection) -> str | None:
        """Return what is to be said of a connection to another machine: that its credentials can be read on the way."""
        advice = self.in_clear(connection) if self.in_clear else None
        said = f"{self.title} is not encrypted here: others on the way can read the credentials"
        return f"{said}; {advice}" if advice else None
