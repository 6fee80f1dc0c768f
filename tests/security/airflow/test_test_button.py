"""The Test button sends stored secrets nowhere but where, and as, the stored connection says."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

import psutil
import pytest
import requests
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import extra_key, to_airflow
from osiris_provider.connectors.model import FieldSpec
from osiris_provider.hooks import guard
from osiris_provider.hooks.mysql import OsirisMySQLHook
from osiris_provider.plugins.connection_test import guard_tests

from tests.airflow.connections import FAMILIES
from tests.browser.connections_file import ConnectionsFile
from tests.security.airflow.listener import Listener
from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest

CANARY = "canary-4711-secret"
WITH_SECRETS = tuple(family for family in FAMILIES if any(spec.secret for spec in get_connector(family).model.fields()))
FIELDS = [(family, name) for family in WITH_SECRETS for name in get_connector(family).declared()]
Body = dict[str, Any]


def _stored(family: str, port: int) -> dict[str, Any]:
    """A connection with all the secrets that fit together, at a port of this machine."""
    url = f"http://127.0.0.1:{port}"
    server: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "ann", "password": CANARY}
    stored: dict[str, dict[str, Any]] = {
        "mysql": {**server, "database": "shop"},
        "postgres": {**server, "database": "shop"},
        "supabase": {"url": url, "service_role_key": CANARY, "anon_key": CANARY},
        "shopify": {"shop_domain": url, "access_token": CANARY},
        "api": {"base_url": url, "token": CANARY, "headers": {"X-Key": CANARY}},
    }
    return stored[family]


def _other_value(spec: FieldSpec, stored: Any, hostile: Listener) -> Any:
    """A value that leads to the hostile peer, or at least another than the stored one."""
    wanted: dict[str, Any] = {"port": hostile.port, "host": "127.0.0.1"}
    if spec.name in wanted:
        return wanted[spec.name]
    if "dsn" in spec.name:
        return f"postgresql://ann:x@127.0.0.1:{hostile.port}/shop?sslmode=disable"
    if spec.annotation is bool or bool in getattr(spec.annotation, "__args__", ()):
        return not (stored if stored is not None else spec.default)
    if spec.choices:
        return next(choice for choice in spec.choices if choice not in (stored, spec.default))
    if any(get_origin(kind) is dict for kind in (spec.annotation, *getattr(spec.annotation, "__args__", ()))):
        return {"Host": "evil.example", "X-Key": "***"}
    return 1 if not spec.is_scalar else hostile.url


class Attacker:
    """Someone with the role Op, who sees ``***`` for secrets.

    :param rest: Airflow's API as that user.
    :param admin: who owns the connections.
    :param peers: of the owner and of the attacker.
    """

    def __init__(self, rest: Rest, admin: Rest, owner: Listener, hostile: Listener) -> None:
        self.rest, self.admin, self.owner, self.hostile = rest, admin, owner, hostile

    def store(
        self, family: str, fields: Mapping[str, Any], conn_type: str | None = None, connection_id: str = ""
    ) -> Body:
        """Have the owner store a connection, and return what the attacker sees of it."""
        attributes = to_airflow(family, fields)
        attributes["conn_type"] = conn_type or attributes["conn_type"]
        connection_id = connection_id or f"stored_{attributes['conn_type']}_{family}"
        self.admin.delete(f"/connections/{connection_id}")
        body = {**attributes, "connection_id": connection_id, "extra": json.dumps(attributes["extra"])}
        self.admin.post("/connections", body)
        shown: Body = self.rest.get(f"/connections/{connection_id}")
        assert CANARY not in json.dumps(shown)
        return {name: value for name, value in shown.items() if value is not None and name != "team_name"}

    def press(self, body: Body, extra: Mapping[str, Any] | None = None, **changed: Any) -> requests.Response:
        """Press Test with a stored connection's form, changed.

        :param body: what the attacker sees.
        :param extra: entries that are added to ``extra``.
        """
        given = {**json.loads(body.get("extra", "{}")), **(extra or {})}
        return self.rest.ask("POST", "/connections/test", json={**body, "extra": json.dumps(given), **changed})

    def took(self) -> bytes:
        """Return all that either peer got."""
        return b"".join(b"[connected]" + data for peer in (self.owner, self.hostile) for data in peer.taken())


@pytest.fixture(scope="module")
def attackers(api_server: AirflowServer, owner_peer: Listener, hostile_peer: Listener) -> dict[str, Attacker]:
    admin = api_server.rest("admin")
    roles = ("op", "user", "viewer")
    return {role: Attacker(api_server.rest(role), admin, owner_peer, hostile_peer) for role in roles}


@pytest.fixture
def attacker(attackers: dict[str, Attacker]) -> Iterator[Attacker]:
    attackers["op"].took()
    yield attackers["op"]
    attackers["op"].took()


@pytest.fixture(scope="module")
def seen(attackers: dict[str, Attacker], owner_peer: Listener) -> dict[str, Body]:
    """What the attacker sees of a stored connection of each family."""
    return {family: attackers["op"].store(family, _stored(family, owner_peer.port)) for family in WITH_SECRETS}


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_the_connection_as_it_is_stored_is_tested_with_its_secrets(
    family: str, attacker: Attacker, seen: dict[str, Body]
) -> None:
    """Else the other tests would show nothing: the button works, and the owner's peer is reached."""
    changes: list[Body] = [
        {},
        {"description": "new", "port": seen[family].get("port", 0)},
        {"host": seen[family]["host"]},
    ]
    for changed in changes:
        answer = attacker.press(seen[family], **changed)
        assert answer.status_code == 200, answer.text
        took = attacker.took()
        assert took.startswith(b"[connected]")
        if "http" in seen[family]["host"]:
            assert CANARY.encode() in took


@pytest.mark.parametrize("form", ["as it is called", "as Airflow masks it"])
@pytest.mark.parametrize(("family", "name"), FIELDS)
def test_no_entry_of_extra_redirects_or_weakens_a_stored_connection(
    family: str, name: str, form: str, attacker: Attacker, seen: dict[str, Body]
) -> None:
    spec = get_connector(family).declared()[name]
    value = _other_value(spec, _stored(family, 1).get(spec.name), attacker.hostile)
    key = name if form == "as it is called" else f"secret_{name}"
    answer = attacker.press(seen[family], {key: value})
    assert answer.status_code == 400, answer.text
    assert f"extra.{key} differs" in answer.json()["detail"]
    assert attacker.took() == b""


def test_nor_does_another_place_to_get_a_token_from(attacker: Attacker) -> None:
    owner, hostile = attacker.owner, attacker.hostile
    fields = {"base_url": owner.url, "token_url": f"{owner.url}/token", "client_id": "a", "client_secret": CANARY}
    shown = attacker.store("api", fields, connection_id="stored_oauth")
    assert attacker.press(shown).status_code == 200
    assert attacker.took()
    for changed in ({"token_url": hostile.url}, {"token_params": {"x": "y"}}, {"client_auth": "body"}):
        assert attacker.press(shown, changed).status_code == 400
    assert attacker.press(shown, {"token_url": hostile.url}, password="mine").status_code == 400
    assert attacker.took() == b""


@pytest.mark.parametrize("family", WITH_SECRETS)
@pytest.mark.parametrize("slot", ["host", "port", "login", "schema"])
def test_no_slot_does_either(family: str, slot: str, attacker: Attacker, seen: dict[str, Body]) -> None:
    other: Body = {"host": "localhost", "port": attacker.hostile.port, "login": "bob", "schema": "other"}
    answer = attacker.press({**seen[family], slot: other[slot]})
    assert answer.status_code == 400, answer.text
    assert attacker.took() == b""


@pytest.mark.parametrize("family", WITH_SECRETS)
@pytest.mark.parametrize("other", [*(f"osiris_{family}" for family in FAMILIES), "http", "postgres", "mysql"])
def test_no_other_type_gets_the_stored_secrets(
    family: str, other: str, attacker: Attacker, seen: dict[str, Body]
) -> None:
    if other == seen[family]["conn_type"]:
        return
    evil = attacker.hostile
    dsn = f"postgresql://ann:***@127.0.0.1:{evil.port}/shop"
    everything = {
        **dict.fromkeys(("base_url", "url", "shop_domain", "host", "hostaddr", "proxies"), evil.url),
        **dict.fromkeys(("dsn", "secret_dsn", "pg_dsn", "secret_pg_dsn"), dsn),
    }
    for extra in ({}, everything):
        answer = attacker.press(seen[family], extra, conn_type=other)
        assert answer.status_code == 400, answer.text
        assert attacker.took() == b""


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_nor_does_this_package_get_those_of_another_type(family: str, attacker: Attacker) -> None:
    shown = attacker.store(family, _stored(family, attacker.owner.port), conn_type="generic")
    answer = attacker.press(shown, conn_type=f"osiris_{family}")
    assert answer.status_code == 400, answer.text
    assert "conn_type differs" in answer.json()["detail"]
    assert attacker.took() == b""


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_whoever_sends_a_password_gets_no_other_secret(family: str, attacker: Attacker, seen: dict[str, Body]) -> None:
    """Airflow takes a password in the request for all secrets: then it compares neither host nor port."""
    evil = attacker.hostile.port
    host = attacker.hostile.url if "http" in seen[family]["host"] else "127.0.0.1"
    for extra in ({}, {"secret_token": "***", "secret_anon_key": "***"}):
        for changed in ({"host": host, "port": evil}, {"host": host}, {"port": evil}, {}):
            attacker.press(seen[family], extra, password="mine", **changed)
            assert CANARY.encode() not in b"".join(attacker.hostile.taken())


@pytest.mark.parametrize("nested", [{"__extra__": '{"ssl_ca": "/tmp/ca.pem"}'}, {"unknown": "x"}, {"timeout": "abc"}])
@pytest.mark.parametrize("family", WITH_SECRETS)
def test_what_nobody_knows_counts_too(family: str, nested: Body, attacker: Attacker, seen: dict[str, Body]) -> None:
    """A connection passes through a URI on its way to the hook, and ``__extra__`` has a meaning there."""
    assert attacker.press(seen[family], nested).status_code == 400
    assert attacker.took() == b""


@pytest.mark.parametrize("left_out", ["password", "extra", "host", "port", "login"])
@pytest.mark.parametrize("family", WITH_SECRETS)
def test_what_is_left_out_is_the_stored_one(
    family: str, left_out: str, attacker: Attacker, seen: dict[str, Body]
) -> None:
    body = {name: value for name, value in seen[family].items() if name != left_out}
    answer = attacker.rest.ask("POST", "/connections/test", json={**body, "conn_type": "osiris_api"})
    assert answer.status_code == (200 if family == "api" else 400), answer.text
    assert not attacker.hostile.taken()


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_connections_of_the_file_alike(family: str, attacker: Attacker, connections_file: ConnectionsFile) -> None:
    connections_file.write({family: {"main": _stored(family, attacker.owner.port)}})
    conn_type = "postgres" if family == "postgres" else f"osiris_{family}"
    body: Body = {"connection_id": f"osiris_{family}_main", "conn_type": conn_type}
    assert attacker.rest.ask("POST", "/connections/test", json=body).status_code == 200
    assert attacker.took().startswith(b"[connected]")
    specs = get_connector(family).model.fields()
    masked = {extra_key(spec): "***" for spec in specs if spec.secret and spec.info.airflow == "extra"}
    for name, spec in get_connector(family).declared().items():
        value = _other_value(spec, _stored(family, 1).get(spec.name), attacker.hostile)
        for given in (body, {**body, "password": "***"}, {**body, "conn_type": f"osiris_{family}"}):
            assert attacker.press(given, {**masked, name: value}).status_code == 400, name
    hostile = {"hostaddr": "127.0.0.1", "port": attacker.hostile.port}
    assert attacker.press(body, {**masked, **hostile}).status_code == 400
    assert attacker.took() == b""


@pytest.mark.parametrize("role", ["user", "viewer"])
def test_other_roles_test_nothing(role: str, attackers: dict[str, Attacker], seen: dict[str, Body]) -> None:
    for path in ("/connections/test", "/connections/enqueue-test"):
        answer = attackers[role].rest.ask("POST", path, json=seen["api"])
        assert answer.status_code == 403, answer.text
    assert attackers[role].took() == b""


def test_nobody_tests_nothing(api_server: AirflowServer, attacker: Attacker, seen: dict[str, Body]) -> None:
    """Nor does a request without a login reach this package, however large or deep it is. Airflow parses it first."""
    deep = b'{"extra": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    for body in (json.dumps(seen["api"]).encode(), b"x" * 3_000_000, deep):
        headers = {"Content-Type": "application/json"}
        url = f"{api_server.origin}/api/v2/connections/test"
        answer = requests.post(url, data=body, headers=headers, timeout=30)
        assert answer.status_code in (400, 401, 422), answer.text
        # As bytes: of so long a text requests would guess the encoding for seconds.
        assert b"osiris_provider" not in answer.content
    application = object()
    assert guard_tests(application) is application
    assert attacker.took() == b""


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_secrets_of_the_request_are_tested_wherever_it_says(
    family: str, attacker: Attacker, seen: dict[str, Body]
) -> None:
    """So the tests above would see a secret that arrives, and a new connection is tested before it is saved."""
    attributes = to_airflow(family, _stored(family, attacker.hostile.port))
    body = {**attributes, "connection_id": "new", "extra": json.dumps(attributes["extra"])}
    assert attacker.rest.ask("POST", "/connections/test", json=body).status_code == 200
    received = attacker.hostile.taken()
    assert received
    if "http" in body["host"]:
        assert CANARY.encode() in b"".join(received)
    sent = {**seen[family], **{name: value for name, value in body.items() if name not in ("connection_id", "host")}}
    same_host = {**sent, "port": seen[family].get("port")}
    assert attacker.press(same_host, {"unknown": "x"}).status_code == 200


def test_an_empty_port_is_no_other_port(attacker: Attacker, seen: dict[str, Body]) -> None:
    """The UI sends 0 for it, and Airflow 3.3.2 calls that another connection."""
    assert "port" not in seen["shopify"]
    assert attacker.press(seen["shopify"], port=0, login="", schema="").status_code == 200
    assert CANARY.encode() in attacker.took()
    assert attacker.press(seen["shopify"], port=1).status_code == 400


def test_an_api_server_without_the_plugin_tests_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow may change, or plugins may be off: then the secrets are more than the button."""
    routes = types.ModuleType(guard.ROUTES)
    setattr(routes, guard.MERGE, lambda *_: None)
    monkeypatch.setitem(sys.modules, guard.ROUTES, routes)
    assert OsirisMySQLHook("no_such_connection").test_connection() == (False, guard.REFUSAL)


@pytest.mark.parametrize("family", WITH_SECRETS)
def test_secrets_in_extra_are_masked_by_their_names(family: str, attacker: Attacker, seen: dict[str, Body]) -> None:
    shown = json.loads(seen[family].get("extra", "{}"))
    for spec in get_connector(family).model.fields():
        if spec.secret and spec.info.airflow == "extra" and extra_key(spec) in shown:
            assert "***" in json.dumps(shown[extra_key(spec)])
    assert attacker.took() == b""


def test_secrets_of_any_type_in_the_file_are_sent_only_where_the_file_says(
    api_server: AirflowServer, connections_file: ConnectionsFile, owner_peer: Listener, hostile_peer: Listener
) -> None:
    entry = {
        "conn_type": "http",
        "host": owner_peer.url,
        "login": "ann",
        "password": CANARY,
        "extra": {"X-Token": CANARY},
    }
    connections_file.write({"airflow": {"My-Api": entry}})
    attacker = api_server.rest("op")
    body: dict[str, Any] = {"connection_id": "My-Api", "conn_type": "http", "login": "ann", "host": owner_peer.url}
    assert attacker.ask("POST", "/connections/test", json=body).status_code == 200
    assert owner_peer.taken()
    changes: list[dict[str, Any]] = [
        {"extra": json.dumps({"X-Token": "***", "proxies": {"http": hostile_peer.url}})},
        {"host": hostile_peer.url},
        {"login": "bob"},
        {"conn_type": "osiris_api"},
    ]
    for changed in changes:
        answer = attacker.ask("POST", "/connections/test", json={**body, **changed})
        assert answer.status_code == 400, (changed, answer.text)
        assert CANARY not in answer.text
    assert hostile_peer.taken() == []


def test_the_api_server_checks_no_connection_by_a_hook_of_this_package(
    api_server: AirflowServer, hostile_peer: Listener
) -> None:
    """Whatever type the request says: nothing of ours asks a server there, and no process for hooks is started."""

    host, port = hostile_peer.url.removeprefix("http://").split(":")
    body = {"connection_id": "x", "host": host, "port": int(port), "login": "ann", "password": "canary-4711-secret"}
    for conn_type in ("osiris_airflow", "airflow", "osiris_"):
        answer = api_server.rest("op").ask("POST", "/connections/test", json={**body, "conn_type": conn_type})
        assert (answer.status_code, answer.json().get("status", False)) in ((200, False), (400, False)), answer.text
        assert "canary" not in answer.text
    assert hostile_peer.taken() == []
    running = [process.info for process in psutil.process_iter(["cmdline", "cwd"])]
    commands = [" ".join(info["cmdline"] or ()) for info in running if info["cwd"] == str(api_server.home)]
    assert commands
    assert not [line for line in commands if "hook_doctor" in line]
