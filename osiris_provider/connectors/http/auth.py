"""Credentials and cookies that belong to one origin.

This module imports requests, so it is itself imported only where a client is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import Cookie, DefaultCookiePolicy
from urllib.parse import unquote_plus, urlencode
from urllib.request import Request

import requests  # noqa: TID253 - the module is only loaded when a client is made
from requests.auth import AuthBase  # noqa: TID253 - the module is only loaded when a client is made

from osiris_provider.connectors.http.transport import QUERY_HEADER
from osiris_provider.connectors.http.urls import Origin, authority_of


def origin_of(url: str) -> Origin:
    """Return scheme, host and port of a URL as they are connected to: what credentials belong to.

    :param url: absolute.
    :raises requests.exceptions.InvalidURL: it is not clear about where it leads; see :mod:`.urls`.
    """
    prepared = requests.PreparedRequest()
    if authority_of(url) is not None:
        # This is what the client connects to; it also writes the names of hosts in one way.
        prepared.prepare_url(url, None)
    origin = authority_of(prepared.url or "")
    if origin is None:
        problem = "not a clear http or https URL, such as one with a backslash or with a user in it"
        raise requests.exceptions.InvalidURL(problem)
    return origin


class OriginCookies(DefaultCookiePolicy):
    """Keeps the cookies of one origin only; cookies by themselves know no ports.

    :param origin: scheme, host and port.
    """

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        """Return whether a cookie may be kept."""
        return origin_of(request.get_full_url()) == self._origin and super().set_ok(cookie, request)


class OriginAuth(AuthBase):
    """Sends credentials to one origin and to no other.

    :param url: whose origin they belong to.
    :param headers: name to value, as bytes because not every secret is Latin-1.
    :param query: parameters that carry a key. They are added where the request leaves, so that no URL that is logged
        or shown holds them.
    """

    def __init__(self, url: str, headers: Mapping[str, bytes], query: Mapping[str, str] | None = None) -> None:
        self._origin = origin_of(url)
        self._headers = dict(headers)
        self.query = dict(query or {})

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Attach the credentials if the request goes to their origin."""
        if not self.belongs_to(request.url or ""):
            return request
        cookies = request.headers.get("Cookie")
        request.headers.update(self._headers)  # type: ignore[arg-type] # requests sends bytes as they are
        if cookies and "Cookie" in self._headers:
            request.headers["Cookie"] = self._headers["Cookie"] + b"; " + cookies.encode()  # type: ignore[assignment] # so too
        if self.query:
            request.headers[QUERY_HEADER] = urlencode(self.query)
        return request

    def belongs_to(self, url: str) -> bool:
        """Return whether a URL is at the origin.

        :param url: absolute.
        """
        return origin_of(url) == self._origin

    def without_key(self, url: str) -> str:
        """Return a URL without the parameters that carry the key: some APIs repeat them in links.

        :param url: absolute.
        """
        head, separator, query = url.partition("?")
        if not (self.query and separator and self.belongs_to(url)):
            return url
        query, hash_sign, fragment = query.partition("#")
        kept = [part for part in query.split("&") if unquote_plus(part.partition("=")[0]) not in self.query]
        return head + ("?" if kept else "") + "&".join(kept) + hash_sign + fragment

    def strip(self, request: requests.PreparedRequest) -> None:
        """Take the credentials off a redirected request unless it stays at their origin."""
        if not self.belongs_to(request.url or ""):
            for name in ("Authorization", "Cookie", QUERY_HEADER, *self._headers):
                request.headers.pop(name, None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secrets that are not in the connection."""
        return ()

    def expire(self) -> bool:
        """Drop what can be had again; return whether there was something."""
        return False
