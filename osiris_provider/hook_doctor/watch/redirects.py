"""A server cannot send credentials on: requests repeats the body of a login for a redirect to anywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

_LIBRARIES = ("requests.sessions", "snowflake.connector.vendored.requests.sessions")
"""requests, and the copies of it that a library brings."""


class RedirectedElsewhereError(Exception):
    """A server redirects to another one, which is not what the connection names."""


def keep_redirects_here() -> None:
    """Have no redirect followed to another host, port or scheme, but from http to https; in this process only.

    Of a request to there requests takes ``Authorization`` away, and leaves all other headers, and the body of a 307 or
    308, in which many logins have their password or token.
    """
    for name in _LIBRARIES:
        if name in sys.modules:
            _keep_here(sys.modules[name].Session)


def _keep_here(session_class: Any) -> None:
    follow = session_class.resolve_redirects

    def only_here(session: Any, response: Any, *given: Any, **named: Any) -> Any:
        following = follow(session, response, *given, **named)
        # Else nothing is sent: it asks where the redirect leads to.
        return following if named.get("yield_requests") else _each_here(session, response, following)

    session_class.resolve_redirects = only_here


def _each_here(session: Any, response: Any, following: Iterator[Any]) -> Iterator[Any]:
    _raise_if_elsewhere(session, response)
    for answer in following:
        # Before the next request goes out.
        _raise_if_elsewhere(session, answer)
        yield answer


def _raise_if_elsewhere(session: Any, response: Any) -> None:
    target = session.get_redirect_target(response)
    if target and session.should_strip_auth(response.url, urljoin(response.url, target)):
        raise RedirectedElsewhereError
