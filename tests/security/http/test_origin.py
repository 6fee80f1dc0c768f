"""HTTP credentials go to the origin that their owner named, whatever a peer puts into URLs, redirects and cookies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import close_all
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.connectors.http.auth import OriginAuth, origin_of
from osiris_provider.connectors.http.session import HttpSession
from osiris_provider.connectors.http.transport import DeadlineAdapter
from osiris_provider.connectors.shopify import ShopifyConnector
from osiris_provider.connectors.supabase import SupabaseConnector
from osiris_provider.drivers import get_driver
from osiris_provider.errors import ConnectionConfigError, OsirisError
from osiris_provider.testing.context import RecordingContext
from osiris_provider.testing.secrecy import assert_silent

from tests.security.http.rogue import RogueHttp, api, redirect
from tests.servers.apis.http import Reply, Request

SECRET = "s3cret-of-the-owner"
# HOST stands for the origin of the connection, EVIL for that of the attacker; both with a port.
UNCLEAR = [
    r"http://EVIL\@HOST/",
    r"http://EVIL\\@HOST/v1",
    r"http://HOST\@EVIL/",
    r"http:\\EVIL/",
    r"http:/\EVIL/",
    r"http://EVIL\.HOST/",
    "http://HOST@EVIL/",
    "http://user:password@HOST/v1",
    "http://@HOST/",
    "http://EVIL#@HOST/",
    "http://EVIL?@HOST/",
    "http://EVIL%2F@HOST/",
    "http://EVIL%5C@HOST/",
    "http://EVIL\t@HOST/",
    "//HOST@EVIL/",
    r"/\EVIL/",
    r"\\EVIL/",
]
REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture
def evil() -> Iterator[RogueHttp]:
    with RogueHttp() as server:
        yield server


@pytest.fixture
def host() -> Iterator[RogueHttp]:
    with RogueHttp() as server:
        yield server
        close_all()


def aimed(url: str, host: RogueHttp, evil: RogueHttp) -> str:
    return url.replace("EVIL", f"127.0.0.1:{evil.port}").replace("HOST", f"127.0.0.1:{host.port}")


def extract(connection: dict[str, Any], **config: Any) -> Any:
    config = {"resolved_connection": connection, "path": "items", **config}
    reader = get_driver("api.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())["data"]
    return reader.read_all()


@pytest.mark.parametrize("url", [url for url in UNCLEAR if url.startswith("http")])
@pytest.mark.parametrize(
    ("connector", "fields"),
    [
        (ApiConnector(), {"base_url": "URL", "token": SECRET}),
        (SupabaseConnector(), {"url": "URL", "service_role_key": SECRET}),
        (ShopifyConnector(), {"shop_domain": "URL", "access_token": SECRET}),
    ],
    ids=lambda value: getattr(value, "family", ""),
)
def test_connections_with_an_unclear_url_are_refused(
    host: RogueHttp, evil: RogueHttp, connector: Any, fields: dict[str, str], url: str
) -> None:
    connection = {name: aimed(url, host, evil) if value == "URL" else value for name, value in fields.items()}
    with pytest.raises(ConnectionConfigError) as raised:
        connector.create_client(connection)
    ok, verdict = connector.doctor(connection)
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
    assert_silent(SECRET, raised.value, verdict)
    assert host.requests == evil.requests == []


@pytest.mark.parametrize("url", UNCLEAR)
@pytest.mark.parametrize("status", REDIRECTS)
def test_redirects_to_an_unclear_url_are_not_followed(host: RogueHttp, evil: RogueHttp, url: str, status: int) -> None:
    host.script = lambda _: redirect(aimed(url, host, evil), status)
    ok, verdict = ApiConnector().doctor(api(host, token=SECRET), 5)
    assert not ok
    assert verdict["details"]["fault"] in ("bad_redirect", "redirected")
    connector = ApiConnector()
    with connector.create_client(api(host, token=SECRET)) as session, suppress(requests.exceptions.RequestException):
        session.get("me")
    assert_silent(SECRET, evil.received)


@pytest.mark.parametrize("url", ["http://HOST@EVIL/", "http://[::1", "ftp://EVIL/", "/\xff"])
def test_a_redirect_to_an_unclear_url_leaves_no_line_open(host: RogueHttp, evil: RogueHttp, url: str) -> None:
    host.script = lambda _: Reply(302, b"not read", {"Location": aimed(url, host, evil)})
    answers: list[requests.Response] = []
    with ApiConnector().create_client(api(host, token=SECRET)) as session:
        with pytest.raises(requests.exceptions.InvalidURL):
            session.get("me", hooks={"response": lambda answer, **_: answers.append(answer)})
        assert [answer.raw.closed for answer in answers] == [True]


@pytest.mark.parametrize("url", UNCLEAR)
@pytest.mark.parametrize("how", ["header", "body"])
def test_next_links_that_are_unclear_are_refused(host: RogueHttp, evil: RogueHttp, url: str, how: str) -> None:
    target = aimed(url, host, evil)
    headers = {"Link": f'<{target}>; rel="next"'} if how == "header" else {}
    host.script = lambda _: Reply.of_json({"items": [{"id": 1}], "next": target}, headers=headers)
    pagination = {"kind": "link", **({"next_path": "next"} if how == "body" else {})}
    with pytest.raises(OsirisError, match="the next page"):
        extract(api(host, token=SECRET), records="items", pagination=pagination)
    assert len(host.requests) == 1
    assert evil.requests == []


def test_clients_send_no_credentials_to_another_origin(host: RogueHttp, evil: RogueHttp) -> None:
    with ApiConnector().create_client(api(host, token=SECRET)) as session:
        for url in ("http://EVIL#@HOST/", "http://EVIL?@HOST/", "http://EVIL/"):
            session.get(aimed(url, host, evil))
            session.ask("GET", aimed(url, host, evil), 10)
    assert len(evil.requests) == 6
    assert_silent(SECRET, evil.received)


@pytest.mark.parametrize(
    "url", [url for url in UNCLEAR if url.startswith("http") and "#" not in url and "?" not in url]
)
def test_clients_refuse_an_unclear_url(host: RogueHttp, evil: RogueHttp, url: str) -> None:
    with ApiConnector().create_client(api(host, token=SECRET)) as session:
        with pytest.raises(requests.exceptions.RequestException):
            session.get(aimed(url, host, evil))
        with pytest.raises(requests.exceptions.RequestException):
            session.ask("GET", aimed(url, host, evil), 10)
    assert_silent(SECRET, evil.received)


NASTY = st.text("ab./\\@:?#[]%5cC\t\n \u3002\uff0e\u2100\u00df", max_size=12)


@given(before=NASTY, after=NASTY)
def test_credentials_are_attached_only_where_the_client_connects_to(before: str, after: str) -> None:
    """The origin that is checked is the one that the pool of connections is made for, or the URL is refused."""
    url = f"http://{before}api.host{after}"
    session = HttpSession("http://api.host/v1", OriginAuth("http://api.host/", {"X-Key": b"secret"}), (1, 1), None)
    try:
        origin = origin_of(url)
        request = session.prepare_request(requests.Request("GET", url))
    except requests.exceptions.RequestException:
        return
    pool = DeadlineAdapter(None, None).get_connection_with_tls_context(request, True)
    connected = (pool.scheme, pool.host, pool.port or 80)
    assert origin == connected
    assert ("X-Key" in request.headers) is (connected == ("http", "api.host", 80))


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_does_not_repeat_a_post(host: RogueHttp, status: int) -> None:
    host.script = lambda request: redirect("/v1/other", status) if request.path == "/v1/items" else Reply.of_json([])
    with pytest.raises(OsirisError, match="redirects a POST"):
        extract(api(host, token=SECRET), method="POST", body={"filter": 1})
    assert [(one.method, one.path) for one in host.requests] == [("POST", "/v1/items")]


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_method_is_followed_at_the_origin(host: RogueHttp, status: int) -> None:
    moved = Reply.of_json([{"id": 1}])
    host.script = lambda request: redirect("/v1/other", status) if request.path == "/v1/items" else moved
    assert extract(api(host, token=SECRET), method="POST", body={"filter": 1}).num_rows == 1
    assert [one.body for one in host.requests] == [b'{"filter": 1}'] * 2


def test_cookies_of_the_authenticated_request_do_not_ride_on_the_anonymous_probe(host: RogueHttp) -> None:
    def script(request: Request) -> Reply:
        if SECRET in request.headers.get("authorization", "") or "sid=1" in request.headers.get("cookie", ""):
            return Reply.of_json({"name": "me"}, headers={"Set-Cookie": "sid=1; Path=/"})
        return Reply.of_json({}, 401)

    host.script = script
    assert ApiConnector().doctor(api(host, token=SECRET), 5)[0]
    assert ["cookie" in one.headers for one in host.requests] == [False, False]


def test_cookies_stay_at_their_origin(host: RogueHttp, evil: RogueHttp) -> None:
    host.script = lambda _: Reply.of_json([], headers={"Set-Cookie": f"sid={SECRET}; Path=/"})
    with ApiConnector().create_client(api(host, token="t")) as session:
        session.get("me")
        session.get("me")
        # The same host: cookies know no ports.
        session.get(f"{evil.origin}/v1/me")
    assert [one.headers.get("cookie") for one in host.requests] == [None, f"sid={SECRET}"]
    assert_silent(SECRET, evil.received)


def test_netrc_and_the_proxy_of_the_environment_get_no_credentials(
    host: RogueHttp, evil: RogueHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login netrc-user password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with ApiConnector().create_client(api(host, token=SECRET)) as session:
        session.get("me")
    assert host.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert "netrc" not in host.received
    # An https request goes through a tunnel: the proxy sees host and port, and nothing else.
    monkeypatch.setenv("HTTPS_PROXY", evil.origin)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    ApiConnector().doctor({**api(host, token=SECRET), "base_url": "https://api.example.com"}, 2)
    assert_silent(SECRET, evil.received)


@pytest.mark.parametrize("fields", [{"token": "a\r\nX-Evil: 1"}, {"headers": {"X-A": "b\nX-Evil: 1"}}])
def test_line_breaks_in_fields_make_no_headers(host: RogueHttp, fields: dict[str, Any]) -> None:
    ok, verdict = ApiConnector().doctor(api(host, **fields))
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
    assert host.requests == []
