"""Sockets and pools under the HTTP client: requests over this package's sockets, with and without a proxy.

What is replaced is replaced where requests and urllib3 offer it: methods of ``HTTPAdapter`` that are there for
subclasses, ``PoolManager.pool_classes_by_scheme``, ``HTTPConnectionPool.ConnectionCls`` with its keywords, and a
``ssl_context``. One private method is left, ``HTTPConnection._new_conn``, which urllib3's own SOCKS support overrides
too: urllib3 has no other place for a socket (``_tunnel`` and ``_update_chunk_length`` are wrapped, for messages and for
a bound that urllib3 does not keep). Its timeouts start again with each piece that arrives, and its names are resolved
by the system, which no timeout ends; doctor promises a deadline over all of it, TLS handshake and ``CONNECT`` of a
proxy included. httpcore has a public place for sockets, ``network_backend``, but is no way there: clients of the HTTP
families are requests' sessions, which users, hooks and redirects, cookies and proxies of the environment build on.
Should a urllib3 not call the method, ``tests/unit/connectors/http/test_http_transport.py`` fails.

This module imports requests, so it is itself imported only where a client is made.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from typing import Any
from weakref import WeakSet

import requests  # noqa: TID253 - the module is only loaded when a client is made
import urllib3  # noqa: TID253 - the module is only loaded when a client is made
from requests.adapters import HTTPAdapter  # noqa: TID253 - the module is only loaded when a client is made
from requests.utils import select_proxy  # noqa: TID253 - the module is only loaded when a client is made

from osiris_provider.connectors.http.tls import bundle_of_environment
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import DeadlineSocket, cut, open_socket
from osiris_provider.net.tls import DeadlineContext

QUERY_HEADER = "X-Osiris-Query"
"""Carries the parameters of a key, encoded, from the session down to the connection; it is never sent."""


class _AnswerLimit(threading.local):
    """How many seconds an answer may take that the thread asks for; None is any number."""

    seconds: float | None = None


class DeadlineAdapter(HTTPAdapter):
    """Transport whose sockets are ours, with and without a proxy.

    :param tls: the TLS context of all its connections; None leaves TLS to requests.
    :param deadline: bounds everything; None leaves each request to its own timeout.
    :param certified: a TLS context with a client certificate, and host and port of the only server that is shown it.
    """

    def __init__(
        self,
        tls: DeadlineContext | None,
        deadline: Deadline | None,
        certified: tuple[DeadlineContext, tuple[str, int]] | None = None,
    ) -> None:
        self._tls = tls
        self._lines: WeakSet[socket.socket] = WeakSet()
        self._limit = _AnswerLimit()
        self._pools = _pool_classes(deadline, self._lines, self._limit, certified)
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager of direct connections."""
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Bound each answer that this thread asks for meanwhile, however slowly it drips.

        :param seconds: from the request to the end of the answer; None is any number.
        """
        before, self._limit.seconds = self._limit.seconds, seconds
        try:
            yield
        finally:
            self._limit.seconds = before

    def cut(self) -> None:
        """Break all lines under the caller that waits for an answer; a SOCKS proxy's are not known here."""
        for line in list(self._lines):
            cut(line)

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Return a pool of connections; where the address of a proxy is of no use, that is what is wrong."""
        try:
            return super().get_connection_with_tls_context(request, *args, **kwargs)
        except ValueError:
            if not select_proxy(str(request.url), kwargs.get("proxies")):
                raise
        # What was raised shows it, perhaps with a password.
        problem = "the proxy of the environment is none, or takes PySocks"
        raise requests.exceptions.InvalidProxyURL(problem)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pool manager of a proxy; one for SOCKS brings its own sockets."""
        if proxy.lower().startswith("socks"):
            return super().proxy_manager_for(proxy, **kwargs)
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, proxy_ssl_context=self._tls, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        """Refuse what the connections of a SOCKS proxy, which are not ours, would not do."""
        proxy = select_proxy(str(request.url), kwargs.get("proxies")) or ""
        if QUERY_HEADER in request.headers and proxy.lower().startswith("socks"):
            problem = "a key in the query does not go through a SOCKS proxy"
            raise requests.exceptions.InvalidProxyURL(problem)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Make a response of what urllib3 has received, and of whose body nothing has been read."""
        resp.__class__ = _Response
        return super().build_response(req, resp)

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        """Trust what the TLS context trusts, unless the caller names another bundle."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call] # the stubs leave it untyped
        if verify in (True, bundle_of_environment()) and self._tls is not None:
            conn.ca_certs = conn.ca_cert_dir = None


class _Response(urllib3.HTTPResponse):
    line: Any = None

    @property
    def was_cut(self) -> bool:
        return getattr(self.line, "was_cut", False)

    def _update_chunk_length(self) -> None:
        super()._update_chunk_length()
        if self.chunk_left is not None and self.chunk_left < 0:
            # As that of a read it would be all that the peer sends, whatever it is asked for.
            self.close()
            raise urllib3.exceptions.InvalidChunkLength(self, b"less than nothing")


def _pool_classes(
    deadline: Deadline | None,
    lines: WeakSet[socket.socket],
    limit: _AnswerLimit,
    certified: tuple[DeadlineContext, tuple[str, int]] | None,
) -> dict[str, Any]:
    # A pool passes the keywords that it does not know to its connections.
    own: dict[str, Any] = {"deadline": deadline, "lines": lines, "limit": limit}

    def tls_pool(host: str, port: int, **options: Any) -> _TLSPool:
        if certified is not None and (host.strip("[]").lower(), port) == certified[1]:
            options["ssl_context"] = certified[0]
        return _TLSPool(host, port, **own, **options)

    return {"http": partial(_Pool, **own), "https": tls_pool}


class _Line:
    """What our connections have in common; stands before urllib3's among the bases.

    The parameters of a key are put into the URL where it leaves: behind all that logs it, or shows it in an error.
    """

    sock: Any

    def __init__(
        self,
        *args: Any,
        deadline: Deadline | None,
        lines: WeakSet[socket.socket],
        limit: _AnswerLimit,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._deadline, self._lines, self._limit = deadline, lines, limit
        self._until: Deadline | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc] # of the class beside it
        self._lines.add(self.sock)
        self._bound_answer()

    def _bound_answer(self) -> None:
        if isinstance(self.sock, DeadlineSocket):
            self.sock.until = self._until

    def request(self, method: str, url: str, *args: Any, headers: Any = None, **kwargs: Any) -> None:
        self._until = None if self._limit.seconds is None else Deadline(self._limit.seconds)
        self._bound_answer()
        headers = dict(headers or {})
        query = headers.pop(QUERY_HEADER, None)
        if query:
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        super().request(method, url, *args, headers=headers, **kwargs)  # type: ignore[misc] # of the class beside it

    def getresponse(self) -> Any:
        # Where an answer ends with its line, http.client lets go of that.
        line = self.sock
        response: Any = super().getresponse()  # type: ignore[misc] # of the class beside it
        response.line = line
        return response

    def _new_conn(self) -> socket.socket:
        return _connect(self, self._deadline)


class _Connection(_Line, urllib3.connection.HTTPConnection):
    pass


class _TLSConnection(_Line, urllib3.connection.HTTPSConnection):
    def _tunnel(self) -> None:
        # For urllib3 it has reached the proxy by now, and what follows would be the server's.
        try:
            super()._tunnel()
        except (OSError, HTTPException) as error:
            problem = "no tunnel"
            raise urllib3.exceptions.ProxyError(problem, error) from error


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def _connect(connection: Any, deadline: Deadline | None) -> socket.socket:
    """Connect as urllib3 does, and fail with its exceptions, so that requests knows them."""
    max_wait = connection.timeout if isinstance(connection.timeout, (int, float)) else None
    try:
        sock = open_socket(connection.host, connection.port, deadline or Deadline(max_wait or 60.0))
    except socket.gaierror as error:
        raise urllib3.exceptions.NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(connection, "connecting took too long") from error
    except OSError as error:
        raise urllib3.exceptions.NewConnectionError(connection, "connecting failed") from error
    if deadline is None:
        sock.deadline = None
        sock.settimeout(max_wait)
    return sock
