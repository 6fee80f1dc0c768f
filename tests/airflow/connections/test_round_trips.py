"""Every field of every family through Airflow's own ways: its REST API, the Test button, and connection URIs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import from_airflow, to_airflow
from osiris_provider.connectors.model import SLOTS
from osiris_provider.hooks.base import OsirisHook, resolve

from tests.airflow.connections import EVERY_FIELD, FAMILIES, kept_by_a_uri, some_connection

OPTIONS = settings(max_examples=8, suppress_health_check=list(HealthCheck))
CONNECTIONS = "/api/v2/connections"
EXAMPLES = [(family, fields) for family in FAMILIES for fields in EVERY_FIELD[family]]


class Api:
    """Airflow's REST API in this process.

    :param client: of Starlette.
    :param tokens: by role.
    """

    def __init__(self, client: Any, tokens: Mapping[str, str]) -> None:
        self._client = client
        self._tokens = tokens

    def ask(self, method: str, path: str, body: Any = None, role: str = "admin") -> Any:
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        return self._client.request(method, path, json=body, headers=headers)

    def store(self, connection: Mapping[str, Any]) -> str:
        """Store a connection and return its id."""
        connection_id = f"osiris_{connection['family']}_default"
        self.ask("DELETE", f"{CONNECTIONS}/{connection_id}")
        attributes = to_airflow(str(connection["family"]), connection)
        body = {**attributes, "connection_id": connection_id, "extra": json.dumps(attributes["extra"])}
        answer = self.ask("POST", CONNECTIONS, body)
        assert answer.status_code == 201, answer.text
        return connection_id

    def press_test(self, connection_id: str) -> Any:
        """Send what the button of the UI sends for a stored connection."""
        shown = self.ask("GET", f"{CONNECTIONS}/{connection_id}").json()
        texts = {name: shown[name] or "" for name in ("description", "host", "login", "password", "schema")}
        same = {name: shown[name] for name in ("connection_id", "conn_type")}
        body = {**same, **texts, "port": shown["port"] or 0, "extra": shown["extra"] or "{}"}
        return self.ask("POST", f"{CONNECTIONS}/test", body)


@pytest.fixture(scope="module")
def api(airflow_database: None) -> Iterator[Api]:  # noqa: ARG001 - the database has to be there
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    with pytest.MonkeyPatch.context() as patched:
        # Airflow's own choice is too short for the library that signs with it.
        patched.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s" * 64)
        app = create_app(apps="core")
        users = {role: SimpleAuthManagerUser(username=role, role=role.upper()) for role in ("admin", "viewer")}
        tokens = {role: get_auth_manager().generate_jwt(user) for role, user in users.items()}
        with TestClient(app) as client:
            yield Api(client, tokens)


@pytest.fixture(autouse=True)
def as_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks look connections up as they do in the API server."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")


@pytest.fixture
def tested(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the Test button resolves, in the place of connecting to it."""
    seen: list[dict[str, Any]] = []

    def look(hook: OsirisHook) -> tuple[bool, str]:
        seen.append(dict(hook.resolved))
        return True, "looked"

    monkeypatch.setattr(OsirisHook, "test_connection", look)
    return seen


@pytest.mark.parametrize("family", FAMILIES)
@OPTIONS
@given(data=st.data())
def test_rest_api(family: str, api: Api, data: st.DataObject) -> None:
    connection = data.draw(some_connection(family))
    assert resolve(api.store(connection)) == connection


@pytest.mark.parametrize("family", FAMILIES)
@OPTIONS
@given(data=st.data())
def test_the_test_button(family: str, api: Api, tested: list[dict[str, Any]], data: st.DataObject) -> None:
    connection = data.draw(some_connection(family).filter(kept_by_a_uri))
    answer = api.press_test(api.store(connection))
    assert answer.json() == {"status": True, "message": "looked"}, answer.text
    assert {**tested.pop(), "alias": "default"} == connection


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_uris(family: str, data: st.DataObject) -> None:
    _through_uris(data.draw(some_connection(family).filter(kept_by_a_uri)))


@pytest.mark.parametrize(("family", "fields"), EXAMPLES)
def test_uris_with_every_field(family: str, fields: dict[str, Any]) -> None:
    _through_uris({"family": family, "alias": "default", **fields})


@given(st.sampled_from(["None", "true", "123", "1.5", "%41", "a b", "ü/ß:@?#&=", '"', "***", "__extra__", "{}"]))
@example("'")
@example('{"a": 1}')
def test_uris_with_words_that_mean_something_elsewhere(word: str) -> None:
    _through_uris({"family": "mysql", "alias": "default", "host": "h", "user": word, "password": word})
    _through_uris({"family": "api", "alias": "default", "base_url": "https://h.example", "token": word})
    _through_uris({"family": "postgres", "alias": "default", "host": "h", "user": "u", "application_name": word})


def test_the_host_of_a_uri_may_be_a_directory() -> None:
    fields = {"host": "/var/run/PostgreSQL", "user": "u", "database": "Shop"}
    _through_uris({"family": "postgres", "alias": "default", **fields})


@pytest.mark.parametrize(("family", "fields"), EXAMPLES)
def test_nobody_reads_a_secret_in_the_api(family: str, fields: dict[str, Any], api: Api) -> None:
    connection = _with_canaries(family, fields)
    api.store(connection)
    connection_id = f"osiris_{family}_default"
    if any(spec.secret for spec in get_connector(family).model.fields()):
        assert "canary" in json.dumps(connection)
    for role in ("admin", "viewer"):
        for path in (CONNECTIONS, f"{CONNECTIONS}/{connection_id}", "/api/v2/eventLogs?limit=1000&order_by=-id"):
            text = api.ask("GET", path, role=role).text
            assert "canary" not in text


def _with_canaries(family: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    declared = get_connector(family).declared()
    planted: dict[str, Any] = {}
    for name, value in fields.items():
        if declared[name].secret and isinstance(value, dict):
            planted[name] = dict.fromkeys(value, f"canary-{name}-4711")
        elif declared[name].secret:
            planted[name] = value if "://" in value else f"canary-{name}-4711"
            planted[name] = planted[name].replace("s%20cret", f"canary-{name}-4711")
        else:
            planted[name] = value
    return {"family": family, "alias": "default", **planted}


def _through_uris(connection: Mapping[str, Any]) -> None:
    """Through the URI that a core connection makes of itself, read by the core and by a task."""
    from airflow.models.connection import Connection as CoreConnection
    from airflow.sdk import Connection as TaskConnection

    family = str(connection["family"])
    attributes = to_airflow(family, connection)
    core = CoreConnection(conn_id="x", **{**attributes, "extra": json.dumps(attributes["extra"])})
    uri = core.get_uri()
    for read in (CoreConnection(conn_id="x", uri=uri), TaskConnection.from_uri(uri, conn_id="x")):
        actual = {name: getattr(read, name) for name in (*SLOTS, "extra")}
        assert from_airflow(family, actual, "default") == connection
