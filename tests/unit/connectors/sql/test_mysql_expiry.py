"""What a MySQL or MariaDB server is asked about the end of a password, by its version; without any server."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.mysql.expiry import note_password
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import ASIDE_SECONDS, noting
from typing_extensions import Self

END = datetime(2030, 1, 31, tzinfo=timezone.utc)


class Server:
    """A connection to a server that has an answer to each question with certain words in it."""

    def __init__(self, version: str, answers: dict[str, Any]) -> None:
        self.server_version = version
        self._answers = answers
        self._sock = SimpleNamespace(deadline=None)
        self._row: tuple[Any, ...] | None = None
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cursor(self) -> Server:
        return self

    def execute(self, question: str) -> None:
        (name,) = (
            name
            for name in ("information_schema.tables", "FROM mysql.user", "information_schema.users")
            if name in question
        )
        self.asked.append(name.rpartition(" ")[2])
        self._row = (self._answers[name],) if name in self._answers else None

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._row


def ends_of(server: Server) -> list[datetime]:
    connection: Any = server
    with noting() as noted:
        note_password(connection, Deadline(60))
    assert connection._sock.deadline.seconds <= ASIDE_SECONDS  # noqa: SLF001 - PyMySQL's name
    return [one.at for one in noted.expiries()]


@pytest.mark.parametrize(
    "version", ["11.5.0-MariaDB", "11.8.3-MariaDB-0+deb13u1", "12.0.1-MariaDB-log", "5.5.5-11.8.3-MariaDB"]
)
def test_mariadb_is_asked_where_it_tells_the_account_itself(version: str) -> None:
    server = Server(version, {"information_schema.users": END.timestamp()})
    assert (ends_of(server), server.asked) == ([END], ["information_schema.users"])
    # The password of an account may last for ever, or the account is known by another name.
    for answers in ({"information_schema.users": None}, {}):
        assert ends_of(Server(version, answers)) == []


@pytest.mark.parametrize("version", ["11.4.9-MariaDB", "10.11.14-MariaDB-0+deb12u2", "5.5.5-10.6.20-MariaDB-log"])
def test_an_older_mariadb_is_asked_nothing_that_it_would_refuse(version: str) -> None:
    server = Server(version, {"information_schema.users": END.timestamp()})
    assert (ends_of(server), server.asked) == ([], [])


@pytest.mark.parametrize("readable", [0, 1])
def test_mysql_is_asked_for_what_the_account_may_read(readable: int) -> None:
    server = Server("8.4.6", {"information_schema.tables": readable, "FROM mysql.user": END.timestamp()})
    assert ends_of(server) == [END] * readable
    assert server.asked == ["information_schema.tables", "mysql.user"][: 1 + readable]
