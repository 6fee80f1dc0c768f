"""What mysql.writer asks a server that a test cannot bring to it: one that is too old, or would take ten minutes."""

from __future__ import annotations

from typing import Any, cast

import pymysql
import pytest
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.connectors.sql.faults import LOCK_TIMEOUT
from osiris_provider.drivers.mysql.partitions import LOCK_ALL, _lock
from osiris_provider.drivers.mysql.rights import rights_of
from osiris_provider.drivers.mysql.session import LOCK_SECONDS, table_lock
from pymysql.cursors import Cursor

NO_SUCH_GRANT = pymysql.OperationalError(1141, "There is no such grant defined for user 'PUBLIC' on host ''")


class Server:
    """A cursor whose server gives the same answer to each statement that begins alike."""

    connection: Any = None
    description: Any = ()

    def __init__(self, **answers: Any) -> None:
        self._answers = {
            name.replace("__", "§").replace("_", " ").replace("§", "_"): answer for name, answer in answers.items()
        }
        self._rows: list[tuple[Any, ...]] = []
        self.asked: list[tuple[str, Any]] = []

    def execute(self, statement: str, values: Any = None) -> None:
        self.asked.append((statement, values))
        # The longest that fits.
        answer = self._answers[max(filter(statement.startswith, self._answers), key=len)]
        if isinstance(answer, Exception):
            raise answer
        self._rows = list(answer)

    def fetchone(self) -> Any:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> Any:
        return self._rows


def test_a_lock_that_another_load_does_not_give_back_is_waited_for_ten_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(SELECT_DATABASE=[("shop", 0)], SELECT_GET__LOCK=[(0,)], SELECT_IS__USED__LOCK=[(77,)])
    with pytest.raises(DiagnosedError) as raised, table_lock(cast("Cursor", server), "orders"):
        pytest.fail("there was no lock")
    waits = [values for statement, values in server.asked if "GET_LOCK" in statement]
    assert raised.value.fault is LOCK_TIMEOUT
    assert sum(seconds for _, seconds in waits) == LOCK_SECONDS == 600
    assert len({name for name, _ in waits}) == 1
    # Once a minute.
    assert [record.args for record in caplog.records] == [("orders", 77)] * 10


def test_the_lock_of_a_table_is_one_for_all_its_spellings() -> None:
    def lock_of(table: str, *, folds: int) -> Any:
        server = Server(SELECT=[("shop", folds)], SELECT_GET__LOCK=[(1,)])
        with table_lock(cast("Cursor", server), table):
            return server.asked[-1][1][0]

    assert lock_of("orders", folds=0) == lock_of("shop.orders", folds=0) == lock_of("Shop.ORDERS", folds=1)
    assert len({lock_of(table, folds=0) for table in ("orders", "Orders", "other.orders")}) == 3
    assert len(lock_of("x" * 64, folds=0)) <= 64


@pytest.mark.parametrize(
    ("public", "missing"), [([("GRANT INSERT ON `shop`.* TO PUBLIC",)], []), (NO_SUCH_GRANT, ["INSERT"])]
)
def test_before_10_11_mariadb_has_no_rights_of_the_public(public: Any, missing: list[str]) -> None:
    server = Server(
        SELECT_VERSION=[("10.6.21-MariaDB-log", None)],
        SHOW_GRANTS=[("GRANT USAGE ON *.* TO `app`@`%`",), ("GRANT SELECT ON `shop`.`orders` TO `app`@`%`",)],
        SHOW_GRANTS_FOR_PUBLIC=public,
    )
    assert rights_of(cast("Cursor", server)).missing(["SELECT", "INSERT"], "shop", "orders") == missing


@pytest.mark.parametrize("table", ["the table", "the database"])
@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ((1044, 1045, 1142, 1227, 1290), "the user lacks the right to do so"),
        ((1205, 1213), "it is busy"),
        ((1317, 2013), ""),
    ],
)
def test_what_cannot_be_locked_is_not_read_in_partitions(codes: tuple[int, ...], reason: str, table: str) -> None:
    statement = LOCK_ALL if table == "the database" else "LOCK TABLES `t` READ"
    for code in codes:
        server = Server(SET=[], LOCK=pymysql.OperationalError(code, ""), FLUSH=pymysql.OperationalError(code, ""))
        if reason:
            problem = _lock(cast("Cursor", server), statement)
            assert problem == f"{table} cannot be locked for a moment, because {reason}"
            before, _, after = server.asked
            assert before == ("SET SESSION lock_wait_timeout = %s", (5,))
            assert after == ("SET SESSION lock_wait_timeout = DEFAULT", None)
        else:
            with pytest.raises(pymysql.OperationalError):
                _lock(cast("Cursor", server), statement)


def test_a_user_whose_rights_the_server_does_not_tell_is_an_error() -> None:
    server = Server(SELECT_VERSION=[("11.8.2-MariaDB", None)], SHOW_GRANTS=NO_SUCH_GRANT)
    with pytest.raises(pymysql.OperationalError, match="1141"):
        rights_of(cast("Cursor", server))
