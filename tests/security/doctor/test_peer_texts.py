"""Texts of peers in what people see: no escape sequence and no control character gets through."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from osiris_provider.cli.tables import doctor_table, render
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.base import Connector
from osiris_provider.connectors.verdict import Verdict
from osiris_provider.drivers import get_driver
from osiris_provider.errors import AuthError, OsirisError
from osiris_provider.net.deadline import Deadline
from osiris_provider.testing.context import RecordingContext

from tests.security.http.rogue import RogueHttp
from tests.servers import Address
from tests.servers.apis.http import Reply, Request
from tests.unit.fakes import FakeConnection, FakeConnector, connection

EVIL = "\x1b[31mred\x1b[0m\x07 \u202eevil\x9b2J\r\nnext"


class Talkative(FakeConnector):
    """Tells what a peer has said, as a connector of somebody else may."""

    def probe(self, model: FakeConnection, deadline: Deadline) -> dict[str, Any]:
        deadline.remaining()
        if model.does == "refuse":
            message = f"The shop said: {EVIL}"
            raise AuthError(message)
        return {"shop": EVIL, "scopes": [EVIL, 1], "nested": {EVIL: EVIL}, "long": "x" * 10_000}


def _plain(value: object) -> bool:
    return all(char.isprintable() for char in json.dumps(value, ensure_ascii=False))


def test_details_of_doctor() -> None:
    connector: Connector[Any, Any] = Talkative()
    ok, verdict = connector.doctor(connection("ok"), 5)
    assert ok
    assert _plain(verdict)
    assert verdict["details"]["shop"] == "red evil  next"
    assert len(verdict["details"]["long"]) < 300


def test_messages_of_doctor() -> None:
    _, verdict = Talkative().doctor(connection("refuse"), 5)
    assert verdict["message"] == "The shop said: red evil next"


def test_the_table_of_doctor() -> None:
    assert "\x1b" not in render(doctor_table([Verdict(EVIL, AuthError.default, family="fake", alias="x")]))


@pytest.mark.parametrize("family", ["mysql", "postgres"])
def test_what_a_database_says_in_an_error(family: str, request: pytest.FixtureRequest) -> None:
    address: Address = request.getfixturevalue(f"{family}_database")
    text = EVIL.replace("'", "''")
    query = {
        "postgres": f"SELECT ('x{text}')::int",
        "mysql": f"SELECT 1 FROM `x{text}`",
    }[family]
    step = {"resolved_connection": {"family": family, "alias": "x", **asdict(address)}, "query": query}
    driver = get_driver(f"{family}.extractor")
    with pytest.raises(OsirisError) as raised:
        driver.run(step_id="e", config=step, inputs={}, ctx=RecordingContext())["data"].read_all()
    assert "evil" in str(raised.value), "what the server says is shown"
    assert str(raised.value).isprintable()


def test_a_secret_that_a_healthy_server_repeats() -> None:
    def script(request: Request) -> Reply:
        token = request.headers["x-shopify-access-token"]
        shop = {"shop": {"name": f"shop of {token}"}, "currentAppInstallation": {"accessScopes": [{"handle": "x"}]}}
        return Reply.of_json({"data": shop}, headers={"X-Shopify-API-Version": "2026-10"})

    with RogueHttp(script) as server:
        connection = {"family": "shopify", "alias": "x", "shop_domain": server.origin, "access_token": "c4nary-t0ken"}
        ok, verdict = get_connector("shopify").doctor(connection, 5)
    assert (ok, verdict["details"]) == (True, {"shop": "***", "api_version": "2026-10"})


@pytest.mark.parametrize(
    "login", ["host=h password=c4nary user=u", "mysql://ann:c4nary@h/d", "Server=h;Pwd=c4nary;Uid=u"]
)
@pytest.mark.parametrize("family", ["mysql", "postgres", "duckdb"])
def test_a_password_of_somebody_else_in_an_error(family: str, login: str, request: pytest.FixtureRequest) -> None:
    fields = {"path": ":memory:"} if family == "duckdb" else asdict(request.getfixturevalue(f"{family}_database"))
    query = f"SELECT 1 FROM `link to {login}`" if family == "mysql" else f"SELECT 'link to {login}'::int"
    step = {"resolved_connection": {"family": family, "alias": "x", **fields}, "query": query}
    with pytest.raises(OsirisError, match="link to ") as raised:
        get_driver(f"{family}.extractor").run(step_id="e", config=step, inputs={}, ctx=RecordingContext())[
            "data"
        ].read_all()
    assert "c4nary" not in str(raised.value)
