"""Connections of family api, against a server that does all that APIs do."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.testing.connector import SLACK
from osiris_provider.testing.secrecy import assert_silent

from tests.servers.apis.fake_api import FakeApi

TOKEN = "t0k3n-@:/#%?&-wörd"
AWKWARD = ["p@ss:w/o#r%d?&", " spaces inside ", "é", "ключ-中-🔑", "100%", "\"quotes'", "a=b;c,d"]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi({"Authorization": f"Bearer {TOKEN}".encode()}) as server:
        yield server


@pytest.fixture
def connector() -> Iterator[ApiConnector]:
    connector = ApiConnector()
    yield connector
    connector.close_all()


def to(server: FakeApi, path: str = "me", **fields: Any) -> dict[str, Any]:
    return {
        "family": "api",
        "alias": "test",
        "base_url": f"{server.origin}/v1",
        "health_path": path,
        **({"token": TOKEN} if not fields.keys() & {"token", "api_key", "user"} else {}),
        **fields,
    }


def verdict_of(connection: dict[str, Any], timeout: float = 5) -> tuple[str, str, bool]:
    ok, verdict = ApiConnector().doctor(connection, timeout)
    assert ok is (verdict["category"] == "ok")
    assert "[" not in verdict["message"]
    assert len(verdict["message"]) < 300
    return verdict["category"], verdict["details"].get("fault", "ok"), verdict["details"].get("retryable", False)


PUBLIC_VERDICTS = [
    (200, "ok", "ok", False),
    (204, "ok", "ok", False),
    (304, "unknown", "redirected", False),
    (400, "unknown", "bad_request", False),
    (401, "auth", "unauthorized", False),
    (402, "permission", "payment_required", False),
    (403, "permission", "forbidden", False),
    (404, "unknown", "not_found", False),
    (405, "unknown", "wrong_method", False),
    (406, "unknown", "not_acceptable", False),
    (407, "auth", "proxy_auth", False),
    (408, "timeout", "request_timeout", True),
    (409, "unknown", "refused_request", False),
    (410, "unknown", "gone", False),
    (418, "unknown", "refused_request", False),
    (423, "permission", "resource_locked", False),
    (429, "network", "throttled", True),
    (430, "unknown", "refused_request", False),
    (500, "network", "server_error", True),
    (502, "network", "server_error", True),
    (503, "network", "server_error", True),
    (504, "network", "server_error", True),
    (599, "network", "server_error", True),
    (799, "unknown", "unexpected_status", False),
]


@pytest.mark.parametrize(("status", "category", "fault", "retryable"), PUBLIC_VERDICTS)
def test_conn_010_statuses(api: FakeApi, status: int, category: str, fault: str, retryable: bool) -> None:
    # Without credentials, so that a 200 is all that is asked for.
    connection = to(api, f"status/{status}")
    del connection["token"]
    assert verdict_of(connection) == (category, fault, retryable)


@pytest.mark.parametrize(
    ("path", "category", "fault"),
    [
        ("me", "ok", "ok"),
        ("/me", "ok", "ok"),
        ("me?verbose=1", "ok", "ok"),
        ("moved", "ok", "ok"),
        ("login-instead", "ok", "ok"),
        ("to-login", "ok", "ok"),
        ("public", "unknown", "credentials_not_checked"),
        ("forbidden", "permission", "forbidden"),
        ("nowhere", "unknown", "not_found"),
        ("html", "unknown", "web_page"),
        ("broken", "unknown", "broken_json"),
        ("loop", "unknown", "redirect_loop"),
        ("not-http", "network", "garbage"),
        ("many-headers", "network", "garbage"),
        ("hang-up", "network", "reset"),
        ("body-short", "network", "reset"),
    ],
)
def test_conn_010_answers_with_the_right_token(api: FakeApi, path: str, category: str, fault: str) -> None:
    assert verdict_of(to(api, path))[:2] == (category, fault)


@pytest.mark.parametrize(
    ("path", "category", "fault"),
    [
        ("me", "auth", "unauthorized"),
        ("moved", "auth", "unauthorized"),
        ("login-instead", "unknown", "web_page"),
        ("to-login", "auth", "login_page"),
        ("public", "unknown", "credentials_not_checked"),
    ],
)
def test_conn_010_answers_with_a_wrong_token(api: FakeApi, path: str, category: str, fault: str) -> None:
    assert verdict_of(to(api, path, token="wrong"))[:2] == (category, fault)


@pytest.mark.parametrize("path", ["header-drip", "body-drip", "body-stall"])
@pytest.mark.parametrize("timeout", [0.2, 0.7])
def test_conn_009_deadline_against_slow_answers(api: FakeApi, path: str, timeout: float) -> None:
    started = time.monotonic()
    assert verdict_of(to(api, path), timeout)[:2] == ("timeout", "timed_out")
    assert timeout * 0.9 <= time.monotonic() - started <= timeout + SLACK


@pytest.mark.parametrize("path", ["endless", "huge"])
def test_conn_009_endless_answers_are_not_read(api: FakeApi, path: str) -> None:
    api.credentials = {}
    connection = to(api, path)
    del connection["token"]
    started = time.monotonic()
    assert verdict_of(connection, 2)[0] == "ok"
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("name", ["Accept-Language", "X-Request-Source"])
def test_conn_009_headers_without_credentials_prove_nothing(api: FakeApi, name: str) -> None:
    assert verdict_of(to(api, "public", token=None, headers={name: "cs"}))[:2] == ("ok", "ok")
    assert len(api.requests) == 1
    assert verdict_of(to(api, "public", token=None, headers={"X-Auth": "x"}))[1] == "credentials_not_checked"
    api.credentials = {name: b"cs", "X-Auth": b"x"}
    assert verdict_of(to(api, token=None, headers={name: "cs", "X-Auth": "x"}))[:2] == ("ok", "ok")
    assert api.requests[-1].headers[name.lower()] == "cs"
    assert "x-auth" not in api.requests[-1].headers


def test_conn_009_nothing_is_left_open(api: FakeApi) -> None:
    for path in ("me", "endless", "header-drip", "body-drip", "loop", "html"):
        verdict_of(to(api, path), 0.3)
    deadline = time.monotonic() + 2
    while api.open_connections and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    assert api.open_connections == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("osiris-doctor")]


@pytest.mark.parametrize(
    "fields",
    [
        {"token": TOKEN},
        {"api_key": TOKEN},
        {"user": "me", "password": TOKEN},
        {"headers": {"X-Tenant-Key": TOKEN}},
        {"api_key": TOKEN, "auth_header": "apikey"},
        {"token": TOKEN, "auth_header": "X-Shopify-Access-Token", "auth_scheme": ""},
    ],
)
def test_conn_011_credentials_do_not_follow_redirects(
    connector: ApiConnector, api: FakeApi, fields: dict[str, Any]
) -> None:
    with FakeApi() as other:
        connection = to(api, f"away?to={other.origin}/v1/me", **{"token": None, **fields})
        assert verdict_of(connection)[:2] == ("unknown", "redirected")
        assert other.requests == []
        session = connector.create_client(connection)
        assert session.get("away", params={"to": f"{other.origin}/v1/me"}).status_code == 200
        assert session.get(f"{other.origin}/v1/me").status_code == 200
        connector.close_client(session)
        sent = str([request.headers for request in other.requests])
    assert_silent(TOKEN, sent)
    assert "authorization" not in sent.lower()
    assert_silent_headers(api, fields)


def assert_silent_headers(api: FakeApi, fields: dict[str, Any]) -> None:
    """Make sure that the credentials were sent where they belong, or the test above shows nothing."""
    names = {"token": "authorization", "api_key": "x-api-key", "user": "authorization", "headers": "x-tenant-key"}
    expected = fields.get("auth_header", names[next(iter(fields))]).lower()
    assert all(expected in request.headers for request in api.requests if "away" in request.path)


@pytest.mark.parametrize("secret", AWKWARD)
def test_conn_016_awkward_tokens(api: FakeApi, secret: str) -> None:
    api.credentials = {"Authorization": f"Bearer {secret}".encode()}
    assert verdict_of(to(api, token=secret))[0] == "ok"


@pytest.mark.parametrize("secret", [*AWKWARD, "two\nlines"])
def test_conn_016_awkward_passwords(api: FakeApi, secret: str) -> None:
    pair = base64.b64encode(f"üser:{secret}".encode())
    api.credentials = {"Authorization": b"Basic " + pair}
    assert verdict_of(to(api, user="üser", password=secret))[0] == "ok"


def test_conn_015_session_takes_paths(connector: ApiConnector, api: FakeApi) -> None:
    session = connector.create_client(to(api))
    assert session.get("me").json() == {"name": "me"}
    assert session.get("/me?x=1").json() == {"name": "me"}
    assert session.get(f"{api.origin}/v1/me").json() == {"name": "me"}
    assert api.requests[-1].headers["user-agent"].startswith("airflow-provider-osiris/")
    assert session.get("").status_code == 404
    assert api.requests[-1].path == "/v1"
    connector.close_client(session)


def test_conn_015_session_has_a_timeout(connector: ApiConnector, api: FakeApi) -> None:
    session = connector.create_client(to(api, timeout=0.2))
    with pytest.raises(requests.exceptions.RequestException):
        session.get("body-stall")
    connector.close_client(session)


def test_netrc_does_not_replace_the_token(
    connector: ApiConnector, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert verdict_of(to(api))[0] == "ok"
    session = connector.create_client(to(api))
    assert session.get("moved").json() == {"name": "me"}
    connector.close_client(session)


def test_conn_011_client_library_logs_show_no_secret(
    connector: ApiConnector, api: FakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for path in ("me", "hang-up", "not-http", "forbidden"):
        connector.doctor(to(api, path))
    assert_silent(TOKEN, caplog.text)
    assert "GET /v1/me" in caplog.text
