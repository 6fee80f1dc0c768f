"""The client of the HTTP families: a :class:`requests.Session` that keeps deadlines and guards its credentials.

This module imports requests, so it is itself imported only where a client is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests  # noqa: TID253 - the module is only loaded when a client is made

from osiris_provider.connectors.http.auth import OriginAuth, OriginCookies, origin_of
from osiris_provider.connectors.http.faults import (
    BAD_REDIRECT,
    LOGIN_PAGE,
    REDIRECT_LOOP,
    REDIRECTED,
    REDIRECTED_POST,
    HttpFaultError,
)
from osiris_provider.connectors.http.transport import DeadlineAdapter
from osiris_provider.connectors.http.unpack import ENCODINGS, PIECE, unpacked
from osiris_provider.connectors.interrupt import Work
from osiris_provider.net import killed
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.tls import DeadlineContext

MAX_REDIRECTS = 5
UNAUTHORIZED_STATUS = 401
REPEATING = (307, 308)
"""Redirects that keep method and body: what was asked was not done yet."""
LOGIN_WORDS = frozenset({"login", "signin", "sign-in", "sign_in", "log-in", "sso", "saml", "oauth2"})
_PAGE = re.compile(rb"\s*<(?:!doctype )?html", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What a peer answered, its body read up to a bound.

    :param complete: whether ``body`` is all of it.
    :param was_cut: whether it has ended with its line, without TLS saying that this was the end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool
    url: str
    was_cut: bool = False

    @classmethod
    def read(cls, response: requests.Response, limit: int) -> Answer:
        """Read a response that was asked for with ``stream=True``.

        :param response: headers received, body not.
        :param limit: bytes of the body to read.
        :raises Exception: whatever urllib3 raises when the body breaks off or stalls.
        """
        body = bytearray()
        for piece in _pieces(response):
            body += piece
            if len(body) > limit:
                break
        url = str(response.url)
        was_cut = getattr(response.raw, "was_cut", False)
        return cls(response.status_code, response.headers, bytes(body[:limit]), len(body) <= limit, url, was_cut)

    @property
    def content_type(self) -> str:
        """The content type as the peer writes it, perhaps with a charset."""
        return self.headers.get("Content-Type", "")

    @property
    def media_type(self) -> str:
        """The content type alone, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_page(self) -> bool:
        """Whether it is a web page for people."""
        return self.media_type in ("text/html", "application/xhtml+xml") or bool(_PAGE.match(self.body))

    @property
    def is_success(self) -> bool:
        """Whether its status is 2xx."""
        return 200 <= self.status < 300

    @property
    def claims_json(self) -> bool:
        """Whether its content type is JSON or a kind of it."""
        return self.media_type.endswith(("/json", "+json"))


class HttpSession(requests.Session):
    """A session of one API: takes paths relative to its base URL, and never waits for ever.

    Credentials go to the base URL's scheme, host and port only: not to other hosts, not along redirects; ``.netrc``
    does not replace them.

    :param base_url: what relative paths are appended to.
    :param auth: the credentials.
    :param timeout: seconds to connect, and seconds between two pieces of an answer.
    :param tls: the TLS context, if the base URL is an https one.
    :param deadline: bounds everything the session ever does; None for a session that lives on.
    :param certified: the TLS context for the base URL's host and port, with a client certificate, which no other sees.
    """

    def __init__(
        self,
        base_url: str,
        auth: OriginAuth,
        timeout: tuple[float, float],
        tls: DeadlineContext | None,
        deadline: Deadline | None = None,
        certified: DeadlineContext | None = None,
    ) -> None:
        super().__init__()
        self.base_url = base_url
        self.timeout = timeout
        self.closed = False
        self.cookies.set_policy(OriginCookies(origin_of(base_url)))
        self._origin_auth = auth
        self.auth = auth
        self.max_redirects = MAX_REDIRECTS
        _, host, port = origin_of(base_url)
        self._line = DeadlineAdapter(tls, deadline, (certified, (host.strip("[]"), port)) if certified else None)
        self._is_bounded = deadline is not None
        for scheme in ("http://", "https://"):
            self.mount(scheme, self._line)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secrets of the session that are not in its connection: a token that was fetched."""
        return self._origin_auth.secrets

    def absolute(self, path: str) -> str:
        """Return the URL of a path; an absolute URL stays as it is.

        :param path: such as ``users?active=1``; an empty one stands for the base URL itself.
        """
        if path.lower().startswith(("http://", "https://")):
            return path
        if not path or path.startswith("?"):
            return self.base_url + path
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    def same_origin(self, url: str) -> bool:
        """Return whether a URL has the base URL's scheme, host and port, so that the credentials belong there.

        :param url: absolute.
        :raises requests.exceptions.InvalidURL: it is not clear about where it leads.
        """
        return origin_of(url) == origin_of(self.base_url)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; as :meth:`requests.Session.request`, with relative paths.

        :param method: such as ``GET``.
        :param url: a path, or an absolute URL.
        :raises requests.exceptions.InvalidURL: it is not clear about where it leads.
        """
        absolute = self.absolute(url.decode() if isinstance(url, bytes) else url)
        return super().request(method, self._origin_auth.without_key(absolute), *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request that is ready, with a timeout in any case; a kill of the task breaks the wait off."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        with self._working():
            return super().send(request, **kwargs)

    @contextmanager
    def _working(self) -> Iterator[None]:
        if self._is_bounded:
            # It ends by itself, and a check answers whatever happens.
            yield
            return
        with killed.breakable(), Work(self, self._line.cut, self._line.cut):
            yield

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Make a request ready to be sent; cookies go to the session's origin only."""
        origin_of(str(request.url))
        prepared = super().prepare_request(request)
        if not self.same_origin(prepared.url or ""):
            prepared.headers.pop("Cookie", None)
        return prepared

    def resolve_redirects(self, *args: Any, yield_requests: bool = False, **kwargs: Any) -> Iterator[Any]:
        """Follow redirects, if the caller of :meth:`request` lets them be followed.

        Where it does not, requests would read the redirect's whole body only to say what the next request is.
        """
        return iter(()) if yield_requests else super().resolve_redirects(*args, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer redirects to, None if it does not.

        :raises requests.exceptions.InvalidURL: it is not clear about where it leads.
        """
        try:
            target = super().get_redirect_target(resp)
            if target is None:
                return None
            joined = urljoin(str(resp.url), target)
            origin_of(joined)
        except ValueError:
            # Its body has not been read, and a caller has no response to close.
            resp.close()
            problem = "the redirect leads to no clear http or https URL"
            raise requests.exceptions.InvalidURL(problem) from None
        return self._origin_auth.without_key(joined)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Let no credentials follow a redirect to another origin, whatever header they are in."""
        del response
        self._origin_auth.strip(prepared_request)

    def close(self) -> None:
        """Close all connections."""
        self.closed = True
        super().close()

    def ask(self, method: str, path: str, limit: int, *, seconds: float | None = None, **options: Any) -> Answer:
        """Send a request and read a bounded answer; redirects are followed only within the origin.

        A POST is sent once: a redirect that would repeat it, or turn it into a GET, is an error.

        :param method: such as ``GET``.
        :param path: see :meth:`absolute`.
        :param limit: bytes of the body to read.
        :param seconds: from a request to the end of its answer; None is any number, with a timeout for each piece.
        :raises HttpFaultError: a redirect to another origin, to a login page, or in a circle.
        :raises Exception: whatever requests and urllib3 raise.
        """
        with self._line.limited(seconds):
            answer = self._ask(method, path, limit, options)
            if answer.status == UNAUTHORIZED_STATUS and "auth" not in options and self._origin_auth.expire():
                # A token may end before its time.
                answer = self._ask(method, path, limit, options)
            return answer

    def _ask(self, method: str, path: str, limit: int, options: Mapping[str, Any]) -> Answer:
        url, asked = self.absolute(path), dict(options)
        for _ in range(1 + MAX_REDIRECTS):
            with (
                self._working(),
                self.request(method, url, stream=True, allow_redirects=False, **asked) as response,
            ):
                if not response.is_redirect:
                    return Answer.read(response, limit)
            url = _redirect_target(response)
            if method.upper() not in ("GET", "HEAD") and response.status_code not in REPEATING:
                raise HttpFaultError(REDIRECTED_POST)
            # The query of the first request was for the first address; the target carries its own.
            asked.pop("params", None)
        raise HttpFaultError(REDIRECT_LOOP)

    def ask_as_stranger(self, path: str, limit: int, auth: OriginAuth) -> Answer:
        """Send a GET as :meth:`ask` does, with nothing that the session has learned from earlier answers.

        :param path: see :meth:`absolute`.
        :param limit: bytes of the body to read.
        :param auth: other credentials, or none.
        """
        self.cookies.clear()
        return self.ask("GET", path, limit, auth=auth)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        return response.raw.stream(PIECE, decode_content=True)
    return unpacked(response.raw.stream(PIECE, decode_content=False), encoding)


def _redirect_target(response: requests.Response) -> str:
    url = str(response.url)
    try:
        joined = urljoin(url, response.headers["Location"])
        same = origin_of(joined) == origin_of(url)
    except ValueError:
        raise HttpFaultError(BAD_REDIRECT) from None
    words = {part.partition(".")[0] for part in urlsplit(joined).path.lower().split("/")}
    if words & LOGIN_WORDS:
        raise HttpFaultError(LOGIN_PAGE)
    if not same:
        raise HttpFaultError(REDIRECTED)
    return joined
