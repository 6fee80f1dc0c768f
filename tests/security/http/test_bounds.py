"""What an HTTP peer may send, and how long it may make a caller wait, is bounded."""

from __future__ import annotations

import gzip
import itertools
import json
import resource
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.connectors import close_all
from osiris_provider.connectors.api import ApiConnector
from osiris_provider.connectors.http import base
from osiris_provider.connectors.http.retry_after import MAX_WAIT, retry_after_seconds
from osiris_provider.connectors.shopify import ShopifyConnector
from osiris_provider.drivers import get_driver
from osiris_provider.drivers.http.records import MAX_RECORDS
from osiris_provider.errors import ConnectorError, DataError, OsirisError
from osiris_provider.retry_policy import OsirisRetryPolicy
from osiris_provider.testing.context import RecordingContext

from tests.security.http.rogue import RogueHttp, api, gzip_bomb
from tests.servers.apis.http import RawReply, Reply, Request

MEBIBYTE = 1024 * 1024


@pytest.fixture
def rogue() -> Iterator[RogueHttp]:
    with RogueHttp() as server:
        yield server
        close_all()


def grown(before: int) -> int:
    """Return by how many bytes the peak of this process's memory has grown."""
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def extract(connection: dict[str, Any], **config: Any) -> Any:
    config = {"resolved_connection": connection, "path": "items", **config}
    reader = get_driver("api.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())["data"]
    return reader.read_all()


def test_a_small_answer_that_unpacks_to_much_is_not_unpacked(rogue: RogueHttp) -> None:
    bomb = gzip_bomb(1024)
    assert isinstance(bomb.body, bytes)
    assert len(bomb.body) < 2 * MEBIBYTE
    rogue.script = lambda _: bomb
    before = peak()
    assert ApiConnector().doctor(api(rogue), 10)[0]
    with pytest.raises(ConnectorError) as raised:
        extract(api(rogue))
    assert raised.value.fault.slug == "answer_too_large"
    assert grown(before) < 4 * base.MAX_PAGE
    assert "gzip, deflate" in {one.headers["accept-encoding"] for one in rogue.requests}


@pytest.mark.parametrize("status", [200, 302, 307, 401, 404, 500])
def test_an_endless_body_is_not_read_whatever_the_status(rogue: RogueHttp, status: int) -> None:
    sent: list[int] = []

    def body() -> Iterator[bytes]:
        for piece in rogue.endless():
            sent.append(len(piece))
            yield piece

    rogue.script = lambda request: (
        Reply(status, body(), {"Location": "/v1/other"}) if request.path == "/v1/me" else Reply.of_json([])
    )
    ApiConnector().doctor(api(rogue), 5)
    # What the kernel's buffers hold is sent, but not read.
    assert sum(sent) < 16 * MEBIBYTE


@pytest.mark.parametrize("content", ["[" + ",".join(["{}"] * 6_000_000) + "]", '[{"a": [' + "[]," * 6_000_000 + "1]}]"])
def test_an_answer_of_too_many_values_is_not_parsed(rogue: RogueHttp, content: str) -> None:
    body = content.encode()
    assert len(body) < base.MAX_PAGE
    rogue.script = lambda _: Reply(200, body, {"Content-Type": "application/json"})
    before = peak()
    with pytest.raises(ConnectorError) as raised:
        extract(api(rogue))
    assert raised.value.fault.slug == "too_many_values"
    assert grown(before) < 4 * base.MAX_PAGE


def test_a_page_of_too_many_records_is_refused(rogue: RogueHttp) -> None:
    rogue.script = lambda _: Reply(200, b"[" + b"{}," * MAX_RECORDS + b"{}]", {"Content-Type": "application/json"})
    with pytest.raises(DataError, match="more than 1,000,000 records"):
        extract(api(rogue))


def test_a_chunk_of_less_than_nothing_is_not_read(rogue: RogueHttp) -> None:
    """To read so many bytes is to read all that the peer sends, whatever a page may have."""
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
        for piece in itertools.islice(rogue.endless(), 1024):
            sent.append(len(piece))
            yield piece

    rogue.script = lambda _: RawReply(pieces())
    with pytest.raises(ConnectorError) as raised:
        extract(api(rogue))
    assert raised.value.fault.slug == "garbage"
    assert sum(sent) < 16 * MEBIBYTE


HEADS = {
    "interim answers": b"HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n" * 1000,
    "packed bytes that unpack to nothing": gzip.compress(b"") * 1000,
}


@pytest.mark.parametrize("name", HEADS)
def test_doctor_takes_at_most_a_mebibyte_from_a_peer(rogue: RogueHttp, name: str) -> None:
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        if name.startswith("packed"):
            yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
        for piece in rogue.endless(HEADS[name]):
            sent.append(len(piece))
            yield piece

    rogue.script = lambda _: RawReply(pieces())
    ok, verdict = ApiConnector().doctor(api(rogue), 10)
    assert (ok, verdict["details"]["fault"]) == (False, "too_much_data")
    assert sum(sent) < 16 * MEBIBYTE


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_an_answer_that_is_nested_too_deeply_is_refused_in_words(rogue: RogueHttp, depth: int) -> None:
    body = b'[{"a": ' + b"[" * depth + b"]" * depth + b"}]"
    rogue.script = lambda _: Reply(200, body, {"Content-Type": "application/json"})
    with pytest.raises(OsirisError, match=r"nested|JSON"):
        extract(api(rogue))


@pytest.mark.parametrize("value", ["9" * 30, "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_is_bounded(value: str) -> None:
    assert retry_after_seconds({"Retry-After": value}) == MAX_WAIT


@pytest.mark.parametrize("value", ["9" * 5000, "inf", "nan", "-1", "1e400", "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_retry_after_that_says_nothing_is_no_wait(value: str) -> None:
    assert retry_after_seconds({"Retry-After": value}) is None


def test_retry_after_of_a_peer_does_not_break_the_retry_policy(rogue: RogueHttp) -> None:
    rogue.script = lambda _: Reply.of_json({}, 429, {"Retry-After": "9" * 300})
    with pytest.raises(ConnectorError) as raised:
        extract(api(rogue))
    assert len(rogue.requests) == 1
    delay = OsirisRetryPolicy().evaluate(raised.value, 1, 3).retry_delay
    assert delay is not None
    assert delay.total_seconds() == 600


FIGURES = [
    ("Infinity", "0", "50"),
    ("NaN", "0", "50"),
    ("1e308", "-1e308", "1e-308"),
    ("100", "0", "-5"),
    ("100", "0", "0"),
]


@pytest.mark.parametrize(("cost", "available", "rate"), FIGURES)
def test_cost_figures_of_shopify_are_bounded(
    rogue: RogueHttp, monkeypatch: pytest.MonkeyPatch, cost: str, available: str, rate: str
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    figures = {
        "requestedQueryCost": "COST",
        "throttleStatus": {"currentlyAvailable": "AVAILABLE", "restoreRate": "RATE"},
    }
    answer = {"errors": [{"extensions": {"code": "THROTTLED"}}], "extensions": {"cost": figures}}
    text = json.dumps(answer).replace('"COST"', cost).replace('"AVAILABLE"', available).replace('"RATE"', rate)
    rogue.script = lambda _: Reply(200, text.encode(), {"Content-Type": "application/json"})
    shop = {"family": "shopify", "alias": "t", "shop_domain": rogue.origin, "access_token": "t"}
    config = {"resolved_connection": shop, "resource": "orders"}
    with pytest.raises(ConnectorError) as raised:
        get_driver("shopify.extractor").run(step_id="s", config=config, inputs={}, ctx=RecordingContext())
    assert raised.value.fault.slug == "throttled"
    assert all(0 <= wait <= 300 for wait in waits)
    assert 0 <= (raised.value.retry_after or 0) <= MAX_WAIT
    assert ShopifyConnector().doctor(shop, 5)[1]["details"]["fault"] == "throttled"


@pytest.mark.parametrize("part", ["headers", "body"])
@pytest.mark.parametrize("page", ["1", "2"])
def test_a_page_that_drips_for_ever_ends(
    rogue: RogueHttp, monkeypatch: pytest.MonkeyPatch, part: str, page: str
) -> None:
    """The timeout between two pieces begins again with each byte; the second page comes over the line of the first."""

    def drip(text: bytes) -> Iterator[bytes]:
        while not rogue.stopping.wait(0.05):
            yield text

    def script(request: Request) -> Reply | RawReply:
        if request.query["page"] != page:
            return Reply.of_json([{"id": 1}])
        if part == "headers":
            return RawReply(itertools.chain([b"HTTP/1.1 200 OK\r\nX-A: "], drip(b"b")))
        return Reply(200, drip(b" "), {"Content-Type": "application/json"})

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
    rogue.script = script
    with pytest.raises(ConnectorError) as raised:
        extract(api(rogue), pagination={"kind": "page"}, page_timeout=0.3)
    assert raised.value.fault.slug == "timed_out"
