"""A server cannot send credentials on: libraries repeat body or headers of a login for a redirect to anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from urllib.request import HTTPRedirectHandler

_LIBRARIES = ("requests.sessions", "snowflake.connector.vendored.requests.sessions")
"""requests, and the copies of it that a library brings."""
_HTTPX = ("httpx", "httpx2")


class RedirectedElsewhereError(Exception):
    """A server redirects to another one, which is not what the connection names."""


def keep_redirects_here() -> None:
    """Have no redirect followed to another host, port or scheme, but from http to https; in this process only.

    Of a request to there requests, urllib3 and httpx take ``Authorization`` away, and leave all other headers, and the
    body of a 307 or 308, in which many logins have their password or token; ``urllib`` leaves all headers. And what
    another server answers says nothing of the one that the connection names.
    """
    for name in _LIBRARIES:
        if name in sys.modules:
            _keep_requests(sys.modules[name].Session)
    for name in _HTTPX:
        if name in sys.modules:
            _keep_httpx(sys.modules[name].Client)
            _keep_httpx(sys.modules[name].AsyncClient)
    _keep_urllib3()
    _keep_urllib()


def _keep_requests(session_class: Any) -> None:
    follow = session_class.resolve_redirects

    def only_here(session: Any, response: Any, *given: Any, **named: Any) -> Any:
        following = follow(session, response, *given, **named)
        # Else nothing is sent: it asks where the redirect leads to.
        return following if named.get("yield_requests") else _each_here(session, response, following)

    session_class.resolve_redirects = only_here


def _each_here(session: Any, response: Any, following: Iterator[Any]) -> Iterator[Any]:
    _check_redirect(response.url, session.get_redirect_target(response))
    for answer in following:
        # Before the next request goes out.
        _check_redirect(answer.url, session.get_redirect_target(answer))
        yield answer


def _keep_httpx(client_class: Any) -> None:
    follow = client_class._build_redirect_request  # noqa: SLF001 - httpx has no public place for it

    def only_here(client: Any, request: Any, response: Any) -> Any:
        redirected = follow(client, request, response)
        _check_redirect(str(request.url), str(redirected.url))
        return redirected

    client_class._build_redirect_request = only_here  # noqa: SLF001 - as above


def _keep_urllib3() -> None:
    from urllib3 import PoolManager, Retry

    pools: Any = PoolManager
    ask = pools.urlopen

    def only_here(manager: Any, method: str, url: str, *given: Any, **named: Any) -> Any:
        # It calls itself for a redirect, which is the last of the history then.
        retries = named.get("retries")
        if isinstance(retries, Retry) and retries.history and retries.history[-1].redirect_location:
            _check_redirect(str(retries.history[-1].url), url)
        return ask(manager, method, url, *given, **named)

    pools.urlopen = only_here


def _keep_urllib() -> None:
    handlers: Any = HTTPRedirectHandler
    follow = handlers.redirect_request

    def only_here(handler: Any, request: Any, *given: Any) -> Any:
        _check_redirect(request.full_url, given[-1])
        return follow(handler, request, *given)

    handlers.redirect_request = only_here


def _check_redirect(url: str, target: str | None) -> None:
    from requests.sessions import SessionRedirectMixin

    requests: Any = SessionRedirectMixin()
    if target and requests.should_strip_auth(url, urljoin(url, target)):
        raise RedirectedElsewhereError
