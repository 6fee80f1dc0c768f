"""Which rights a load of mysql.writer needs, in each mode: each of them, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors.sql.faults import DENIED
from osiris_provider.drivers.mysql.config import MySQLWriteConfig
from osiris_provider.drivers.mysql.needs import Needs
from osiris_provider.errors import DataError, PermissionDeniedError

from tests.unit.drivers.mysql import Answer, Server
from tests.unit.drivers.mysql.test_dependents import ALL_OF_SHOP, Opening

TABLE, DATABASE = "`shop`.`orders`", "`shop`.*"
LEDGER = "`shop`.`_osiris_loads`"


def answers(*grants: str) -> dict[str, Answer]:
    return {
        "VERSION()": [("9.7.4", "NONE")],
        "lower_case_table_names": [("shop", 0)],
        "SHOW GRANTS": [(f"GRANT {grant} TO `app`@`%`",) for grant in grants],
    }


def needs_of(server: Server, mode: Any = "append") -> Needs:
    config = MySQLWriteConfig(table="orders", write_mode=mode, primary_key=["id"])
    step: Any = SimpleNamespace(config=config)
    return Needs(server.cursor, step)


CHECKS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "append": ("append", lambda needs: needs.to_write(["id"], "why"), {"INSERT": TABLE}),
    "replace": ("replace", lambda needs: needs.to_write(["id"], "why"), {"INSERT": TABLE, "DELETE": TABLE}),
    "upsert": (
        "upsert",
        lambda needs: needs.to_write(["id"], "why"),
        {"SELECT": TABLE, "INSERT": TABLE, "UPDATE": TABLE, "CREATE TEMPORARY TABLES": DATABASE},
    ),
    "a new table": (
        "append",
        lambda needs: needs.to_create(),
        dict.fromkeys(("INSERT", "CREATE", "ALTER", "DROP"), DATABASE),
    ),
    "the ledger": (
        "append",
        lambda needs: needs.of_ledger(is_there=True),
        dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE"), LEDGER),
    ),
    "a new ledger": (
        "append",
        lambda needs: needs.of_ledger(is_there=False),
        dict.fromkeys(("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"), LEDGER),
    ),
}


@pytest.mark.parametrize(("mode", "check", "rights"), CHECKS.values(), ids=CHECKS)
def test_a_load_needs_each_of_these_rights_and_no_other(mode: str, check: Any, rights: dict[str, str]) -> None:
    grants = {right: f"{right} ON {where}" for right, where in rights.items()}
    check(needs_of(Server(answers(*grants.values())), mode))
    for right, where in rights.items():
        others = [grant for name, grant in grants.items() if name != right]
        with pytest.raises(PermissionDeniedError) as raised:
            check(needs_of(Server(answers(*others)), mode))
        kind = "database shop" if where == DATABASE else f"table {where.replace('`', '')}"
        assert f"the user lacks {right} on {kind}, which " in raised.value.message
        assert raised.value.fault is DENIED


def test_why_a_table_is_emptied_is_said_of_the_rights_that_this_needs() -> None:
    for mode in ("append", "replace", "upsert"):
        with pytest.raises(PermissionDeniedError) as raised:
            needs_of(Server(answers()), mode).to_write(["id"], "it has triggers")
        assert ("it has triggers" in raised.value.message) == (mode == "replace")


def test_a_right_on_the_columns_that_are_written_is_enough() -> None:
    needs = needs_of(Server(answers("INSERT (`id`, `n`) ON `shop`.`orders`")))
    needs.to_write(["n"], "why")
    with pytest.raises(PermissionDeniedError):
        needs.to_write(["n", "other"], "why")


def test_a_new_table_is_looked_for_obstacles_by_the_rights_of_the_user() -> None:
    nothing: dict[str, Answer] = {"SELECT EXISTS": [(0,)]}
    assert needs_of(Server({**answers(f"ALL PRIVILEGES ON {DATABASE}"), **nothing})).obstacle() == ""
    assert "lacks SELECT, INSERT," in needs_of(Server({**answers(), **nothing})).obstacle()


def test_rows_of_others_are_not_deleted_along() -> None:
    rules: dict[str, Answer] = {
        "SELECT EXISTS": [(0,)],
        "information_schema.tables": [(1,)],
        "referential_constraints": [("shop", "lines", "of_order", "CASCADE")],
        "key_column_usage WHERE": [(0,)],
        "SELECT constraint_schema, table_name, constraint_name, column_name": [("shop", "lines", "of_order", "id")],
        "LOCK IN SHARE MODE": [(1,)],
    }
    with pytest.raises(DataError, match=r"orders: .*shop\.lines \(ON DELETE CASCADE\)"):
        needs_of(Opening({**answers(ALL_OF_SHOP), **rules}, DELETE=2)).to_delete()
    rules["LOCK IN SHARE MODE"] = []
    with pytest.raises(DataError, match=r"orders: .*may not see"):
        needs_of(Opening({**answers(ALL_OF_SHOP), **rules}, DELETE=2)).to_delete()
    needs_of(Opening({**answers(ALL_OF_SHOP), **rules}, DELETE=1)).to_delete()
