"""A JSON API with every kind of login, of pages and of mischief."""

from __future__ import annotations

import itertools
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.apis.http import HttpServer, RawReply, Reply, Request

LOGIN_PAGE = "<!DOCTYPE html><html><form><input name=user><input name=password type=password></form></html>"
DRIP_SECONDS = 0.05

Route = Callable[[Request], Reply | RawReply]


class FakeApi(HttpServer):
    """Answers below ``/v1``. Paths under ``/v1/private`` and all records need the credentials.

    :param credentials: headers that every private request must carry, byte for byte.
    :param rows: the records that ``/v1/items/…`` serves.
    :param most: records that a page has at most, whatever is asked for.
    """

    def __init__(
        self,
        credentials: dict[str, bytes] | None = None,
        rows: list[dict[str, Any]] | None = None,
        limit: int = 100,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.credentials, self.rows, self.limit = credentials or {}, rows or [], limit
        self.throttled = 0
        """How many of the next requests are answered 429."""
        self.retry_after = "0"
        self.mischief: Callable[[Request], Reply | RawReply | None] = lambda _: None
        """Answers in the place of the API, if it likes."""
        self.tamper: Callable[[list[dict[str, Any]], int], list[dict[str, Any]]] = lambda rows, _: rows
        """Changes a page before it is sent; gets the records and the index of the first."""
        self.next_cursor: Callable[[str], str | None] | None = None
        """Replaces what is said to come after a cursor."""
        self._routes: dict[str, Route] = {
            "/v1/me": self._me,
            "/v1/public": lambda _: Reply.of_json({"status": "up"}),
            "/v1/forbidden": lambda _: Reply.of_json({"error": "not yours"}, 403),
            "/v1/login-instead": self._login_instead,
            "/v1/to-login": lambda request: (
                self._me(request) if self.knows(request) else _redirect("/login.php?next=/")
            ),
            "/v1/html": lambda _: Reply.html("<html>welcome</html>"),
            "/v1/broken": lambda _: Reply(200, b'{"status": "u', {"Content-Type": "application/json"}),
            "/v1/loop": lambda _: _redirect("/v1/loop"),
            "/v1/moved": lambda _: _redirect("/v1/me"),
            "/v1/away": lambda request: _redirect(request.query["to"]),
            "/v1/endless": lambda _: Reply(200, self._endless(), {"Content-Type": "application/json"}),
            "/v1/huge": lambda _: _huge(),
            "/v1/header-drip": lambda _: RawReply(self._drip(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 1_000_000)),
            "/v1/body-drip": lambda _: Reply(200, self._drip(b"[" * 1_000_000), {"Content-Type": "application/json"}),
            "/v1/body-stall": lambda _: RawReply(self._stall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1")),
            "/v1/body-short": lambda _: RawReply([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1"]),
            "/v1/not-http": lambda _: RawReply([b"220 smtp.example.com ESMTP\r\n"]),
            "/v1/many-headers": lambda _: RawReply([b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 500, b"\r\n"]),
            "/v1/hang-up": lambda _: RawReply([]),
            "/v1/items/page": self._by_page,
            "/v1/items/offset": self._by_offset,
            "/v1/items/cursor": self._by_cursor,
            "/v1/items/link": self._by_link,
            "/v1/items/next": self._by_next_url,
            "/v1/items/since": self._since,
            "/v1/items/repeating": lambda _: self._records(0, self.limit),
            "/v1/items/stuck": lambda _: Reply.of_json({"items": self.rows[:1], "next": "always-the-same"}),
            "/v1/items/elsewhere": lambda _: _linking(Reply.of_json(self.rows[:1]), "http://127.0.0.2:9/"),
        }

    def answer(self, request: Request) -> Reply | RawReply:
        mischief = self.mischief(request)
        if mischief is not None:
            return mischief
        if self.throttled > 0:
            self.throttled -= 1
            return Reply.of_json({"error": "slow down"}, 429, {"Retry-After": self.retry_after})
        if request.path.startswith("/v1/status/"):
            return self._status(request)
        if request.path.startswith("/v1/items/") and not self.knows(request):
            return Reply.of_json({"error": "who are you"}, 401)
        route = self._routes.get(request.path.rstrip("/"))
        return route(request) if route else Reply.of_json({"error": "no such path"}, 404)

    def knows(self, request: Request) -> bool:
        """Return whether a request carries the credentials."""
        # http.server reads headers as Latin-1, so this gives back the bytes that were sent.
        return all(
            request.headers.get(name.lower(), "").encode("latin-1") == value for name, value in self.credentials.items()
        )

    def _me(self, request: Request) -> Reply:
        return Reply.of_json({"name": "me"}) if self.knows(request) else Reply.of_json({"error": "who are you"}, 401)

    def _login_instead(self, request: Request) -> Reply:
        return Reply.of_json({"name": "me"}) if self.knows(request) else Reply.html(LOGIN_PAGE)

    def _status(self, request: Request) -> Reply:
        headers = {"Retry-After": request.query["after"]} if "after" in request.query else {}
        status = int(request.path.rsplit("/", 1)[1])
        return Reply(status, b"" if status in (204, 304) else b'{"error": "as you wish"}', headers)

    def _endless(self) -> Iterator[bytes]:
        yield b"["
        while not self.stopping.is_set():
            yield b'{"a": 1},' * 1000

    def _drip(self, text: bytes) -> Iterator[bytes]:
        for position in itertools.count():
            yield text[position : position + 1]
            if self.stopping.wait(DRIP_SECONDS):
                return

    def _stall(self, text: bytes) -> Iterator[bytes]:
        yield text
        self.stopping.wait()

    def _page(self, start: int, size: int) -> list[dict[str, Any]]:
        return self.tamper(self.rows[start : start + min(size, self.limit)], start)

    def _records(self, start: int, size: int) -> Reply:
        return Reply.of_json({"data": {"items": self._page(start, size)}})

    def _since(self, request: Request) -> Reply:
        since = request.query.get("since", "")
        return Reply.of_json([row for row in self.rows if row["updated_at"] >= since])

    def _by_page(self, request: Request) -> Reply:
        size = min(int(request.query.get("per_page", self.limit)), self.limit)
        return self._records((int(request.query.get("page", 1)) - 1) * size, size)

    def _by_offset(self, request: Request) -> Reply:
        return self._records(int(request.query.get("offset", 0)), int(request.query.get("limit", self.limit)))

    def _by_cursor(self, request: Request) -> Reply:
        start = int(request.query.get("cursor", "c0").removeprefix("c"))
        after = start + len(self.rows[start : start + self.limit])
        following = f"c{after}" if after < len(self.rows) else None
        if self.next_cursor:
            following = self.next_cursor(f"c{start}")
        return Reply.of_json({"items": self._page(start, self.limit), "next": following})

    def _by_link(self, request: Request) -> Reply:
        start = int(request.query.get("start", 0))
        reply = Reply.of_json(self._page(start, self.limit))
        more = start + self.limit < len(self.rows)
        return _linking(reply, f"/v1/items/link?start={start + self.limit}&kind=a,b") if more else reply

    def _by_next_url(self, request: Request) -> Reply:
        start = int(request.query.get("start", 0))
        more = start + self.limit < len(self.rows)
        following = f"{self.origin}/v1/items/next?start={start + self.limit}" if more else None
        return Reply.of_json({"results": self._page(start, self.limit), "links": {"next": following}})


def _redirect(target: str) -> Reply:
    return Reply(302, b"", {"Location": target})


def _linking(reply: Reply, target: str) -> Reply:
    link = f'</v1/items/link?start=0>; rel="first", <{target}>; rel="next"'
    return Reply(reply.status, reply.body, {**reply.headers, "Link": link})


def _huge() -> RawReply:
    ten_gigabytes = 10 * 1024**3
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {ten_gigabytes}\r\n\r\n["
    return RawReply(itertools.chain([head.encode()], itertools.repeat(json.dumps({"a": 1}).encode() * 5000)))
