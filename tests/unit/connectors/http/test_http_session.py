"""The client of the HTTP families: where it asks, how long it waits, what it makes of answers and redirects."""

from __future__ import annotations

import gzip
import zlib
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from osiris_provider.connectors.http.auth import OriginAuth
from osiris_provider.connectors.http.faults import HttpFaultError
from osiris_provider.connectors.http.session import Answer

from tests.unit.connectors.http.scripted import HOST, Said, session_of, transport_of


def moved(target: str, status: int = 302) -> Said:
    return Said(status, headers={"Location": target})


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("/v1", "", "/v1"),
        ("/v1", "?active=1", "/v1?active=1"),
        ("/v1", "users?active=1", "/v1/users?active=1"),
        ("/v1/", "/users", "/v1/users"),
        ("/v1", f"{HOST}/v2/users", "/v2/users"),
        ("/v1", f"{HOST.upper()}/v2", "/v2"),
        ("/v1", "HTTPS://other.host/v2", "https://other.host/v2"),
    ],
)
def test_a_path_is_one_under_the_base_url_and_an_absolute_url_is_itself(base: str, path: str, url: str) -> None:
    session = session_of(Said(), base_url=HOST + base)
    session.get(path)
    session.request("GET", path.encode())
    session.ask("GET", path, 10)
    assert [request.url for request in transport_of(session).sent] == [urljoin(HOST, url)] * 3


GIVEN: list[tuple[Any, dict[str, Any], Any]] = [
    ((), {}, (1, 2)),
    ((), {"timeout": None}, (1, 2)),
    ((), {"timeout": 9}, 9),
    ((None,) * 6, {}, (1, 2)),
    ((*[None] * 6, 9), {}, 9),
]


@pytest.mark.parametrize(("args", "kwargs", "timeout"), GIVEN)
def test_nothing_is_waited_for_without_a_timeout(args: Any, kwargs: dict[str, Any], timeout: Any) -> None:
    session = session_of(moved("/v1/other"), Said())
    session.request("GET", "users", *args, **kwargs)
    session.send(session.prepare_request(requests.Request("GET", f"{HOST}/v1")))
    assert [options["timeout"] for options in transport_of(session).options] == [timeout, timeout, (1, 2)]


@pytest.mark.parametrize(
    ("headers", "body", "is_page", "claims_json"),
    [
        ({}, b"", False, False),
        ({"Content-Type": "text/html"}, b"", True, False),
        ({"Content-Type": " Text/HTML ; charset=utf-8"}, b"", True, False),
        ({"Content-Type": "application/xhtml+xml"}, b"", True, False),
        ({"Content-Type": "text/plain"}, b"<p>", False, False),
        ({}, b"\r\n <!DOCTYPE html>", True, False),
        ({}, b"<HTML lang=de>", True, False),
        ({}, b"<?xml version='1.0'?><html-like/>", False, False),
        ({"Content-Type": "Application/JSON;charset=utf-8"}, b"{}", False, True),
        ({"Content-Type": "application/problem+json"}, b"{}", False, True),
        ({"Content-Type": "application/jsonp"}, b"", False, False),
    ],
)
def test_what_an_answer_is(headers: dict[str, str], body: bytes, is_page: bool, claims_json: bool) -> None:
    answer = Answer(200, headers, body, complete=True, url=HOST)
    assert (answer.is_page, answer.claims_json) == (is_page, claims_json)


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (299, True), (300, False)])
def test_which_statuses_are_of_a_result(status: int, is_success: bool) -> None:
    assert Answer(status, {}, b"", complete=True, url=HOST).is_success is is_success


@pytest.mark.parametrize(("limit", "complete"), [(5, False), (6, True)])
@pytest.mark.parametrize("encoding", ["", "gzip", " GZIP ", "deflate"])
def test_an_answer_is_read_up_to_its_limit(limit: int, complete: bool, encoding: str) -> None:
    said = b"abcdef"
    packed = {"": said, "deflate": zlib.compress(said)}.get(encoding, gzip.compress(said))
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = session_of(Said(201, packed, headers)).ask("GET", "", limit)
    assert (answer.status, answer.body, answer.complete) == (201, said[:limit], complete)


@pytest.mark.parametrize(("more", "complete"), [(0, True), (1, False)])
def test_an_answer_that_goes_on_at_its_limit_is_not_complete(more: int, complete: bool) -> None:
    """It comes in pieces, of which one may end just there."""
    limit = 2 * 64 * 1024
    answer = session_of(Said(200, b"x" * (limit + more))).ask("GET", "", limit)
    assert (len(answer.body), answer.complete) == (limit, complete)


FOLLOWED = 5
"""Redirects that the documents promise."""


@pytest.mark.parametrize("count", [FOLLOWED, FOLLOWED + 1])
def test_so_many_redirects_are_followed_and_no_more(count: int) -> None:
    session = session_of(*[moved(f"/v1/{n}?page={n}") for n in range(count)], Said(200, b"there"))
    if count == FOLLOWED:
        assert session.ask("GET", "users", 10, params={"page": "x"}).body == b"there"
        # The query of the first request was for the first address.
        queries = [str(request.url).partition("?")[2] for request in transport_of(session).sent]
        assert queries == ["page=x", *[f"page={n}" for n in range(count)]]
    else:
        with pytest.raises(HttpFaultError, match="redirect_loop"):
            session.ask("GET", "users", 10)
    assert len(transport_of(session).sent) == FOLLOWED + 1
    session = session_of(*[moved(f"/v1/{n}") for n in range(count)], Said())
    if count == FOLLOWED:
        assert session.get("users").status_code == 200
    else:
        with pytest.raises(requests.TooManyRedirects):
            session.get("users")


LOGIN_PAGES = "/login /login.php /users/sign_in /Account/SignIn /sign-in /log-in /idp/SSO /saml/acs /oauth2/authorize"


@pytest.mark.parametrize("path", LOGIN_PAGES.split())
@pytest.mark.parametrize("host", ["", "https://id.example.com"])
def test_a_redirect_to_a_login_page_refuses_the_credentials(host: str, path: str) -> None:
    session = session_of(moved(host + path))
    with pytest.raises(HttpFaultError, match="login_page"):
        session.ask("GET", "users", 10)


@pytest.mark.parametrize(
    ("target", "slug"),
    [("/blogin", ""), ("/v1/logins", ""), ("https://id.example.com/", "redirected"), ("http://[::1", "bad_redirect")],
)
def test_any_other_redirect_does_not(target: str, slug: str) -> None:
    session = session_of(moved(target), Said())
    if not slug:
        assert session.ask("GET", "users", 10).status == 200
        return
    with pytest.raises(HttpFaultError, match=f"^{slug}$"):
        session.ask("GET", "users", 10)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "head", "POST"])
def test_only_a_redirect_that_keeps_the_method_is_followed_with_a_post(method: str, status: int) -> None:
    session = session_of(moved("/v1/other", status), Said())
    if method == "POST" and status < 307:
        with pytest.raises(HttpFaultError, match="redirected_post"):
            session.ask(method, "users", 10)
        return
    session.ask(method, "users", 10)
    assert [request.method for request in transport_of(session).sent] == [method.upper()] * 2


class Token(OriginAuth):
    """Has a token, once."""

    left = 1

    def expire(self) -> bool:
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize(
    ("statuses", "options", "asked"),
    [
        ([401, 200], {}, 2),
        ([401, 401], {}, 2),
        ([403, 200], {}, 1),
        # Other credentials are not had again.
        ([401, 200], {"auth": OriginAuth(HOST, {})}, 1),
    ],
)
def test_a_token_that_is_refused_is_got_again_once(statuses: list[int], options: dict[str, Any], asked: int) -> None:
    session = session_of(*map(Said, statuses), auth=Token(HOST, {}))
    assert session.ask("GET", "", 10, **options).status == statuses[asked - 1]
    assert len(transport_of(session).sent) == asked


def test_without_a_token_a_refusal_is_the_answer() -> None:
    session = session_of(Said(401), Said(200))
    assert (session.ask("GET", "", 10).status, session.secrets) == (401, ())


def test_a_caller_that_follows_no_redirects_gets_them_unread() -> None:
    session = session_of(moved("/v1/other"), Said())
    response = session.get("users", allow_redirects=False, stream=True)
    assert (response.status_code, response.next, response.raw.closed) == (302, None, False)
    assert session.closed is False
    session.close()
    assert session.closed is True
