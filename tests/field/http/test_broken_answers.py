"""An answer that is not whole is no answer, a page that was there before is no page, and figures that move are told."""

from __future__ import annotations

import gzip
import logging
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors import retry
from osiris_provider.connectors.http.unpack import unpacked
from osiris_provider.errors import ConnectorError, DataError, OsirisError

from tests.field.http.cases import A, B, C, cursor, items, offset, page
from tests.field.http.reads import read
from tests.servers.apis.http import RawReply, Reply
from tests.servers.apis.scripted_api import ScriptedApi

LINES = b"".join(b'{"id": %d}\n' % number for number in range(1, 500))
NDJSON = {"Content-Type": "application/x-ndjson"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"


def packed(body: bytes, encoding: str) -> Reply:
    return Reply(200, body, {**NDJSON, "Content-Encoding": encoding})


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)


BROKEN = {
    "gzip without its end": packed(gzip.compress(LINES)[:-20], "gzip"),
    "gzip without the last byte of its checksum": packed(gzip.compress(LINES)[:-1], "gzip"),
    "gzip of which nothing but the header came": packed(gzip.compress(LINES)[:10], "x-gzip"),
    "two members of gzip, the second one cut": packed(
        gzip.compress(LINES[:20], mtime=0) + gzip.compress(LINES)[:-9], "gzip"
    ),
    "deflate without its end": packed(zlib.compress(LINES)[:-5], "deflate"),
    "deflate without a header and without its end": packed(raw_deflate(LINES)[:-5], "deflate"),
    "chunks that end between two": RawReply([HEAD + b'Transfer-Encoding: chunked\r\n\r\nA\r\n{"id": 1}\n\r\n']),
    "chunks that end within one": RawReply([HEAD + b'Transfer-Encoding: chunked\r\n\r\nFF\r\n{"id": 1}\n']),
    "a body shorter than its length": RawReply([HEAD + b'Content-Length: 99\r\n\r\n{"id": 1}\n']),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_breaks_off_is_asked_for_again(name: str) -> None:
    complete = Reply(200, LINES, NDJSON)
    assert read(BROKEN[name], complete)[0].num_rows == 499
    with pytest.raises(ConnectorError) as raised:
        read(*[BROKEN[name]] * 3)
    assert raised.value.fault.slug == "reset"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(LINES)),
        ("gzip", gzip.compress(LINES[:100]) + gzip.compress(LINES[100:])),
        ("gzip", gzip.compress(LINES) + b"\0" * 512),
        ("deflate", zlib.compress(LINES)),
        ("deflate", raw_deflate(LINES)),
    ],
)
def test_an_answer_that_is_whole_is_read(encoding: str, body: bytes) -> None:
    assert read(packed(body, encoding))[0]["id"].to_pylist() == list(range(1, 500))


def test_what_is_not_packed_is_refused() -> None:
    with pytest.raises(ConnectorError) as raised:
        read(packed(b'{"id": 1}\n', "gzip"))
    assert raised.value.category != "auth"


@given(body=st.binary(max_size=300), sizes=st.lists(st.integers(1, 40), min_size=1), cut=st.integers(0, 400))
@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_any_pieces_give_the_body_and_none_of_its_beginnings_does(
    encoding: str, pack: Any, body: bytes, sizes: list[int], cut: int
) -> None:
    def pieces(complete: bytes) -> list[bytes]:
        actual, at = [], 0
        for size in [*sizes, len(complete)]:
            actual.append(complete[at : at + size])
            at += size
        return actual

    complete = pack(body)
    assert b"".join(unpacked(pieces(complete), encoding)) == body
    if 0 < cut < len(complete):
        with pytest.raises(Exception, match="IncompleteRead"):
            list(unpacked(pieces(complete[:cut]), encoding))


BY_NEXT = {"kind": "link", "next_path": "next"}


@pytest.mark.parametrize(
    ("replies", "config", "complaint"),
    [
        ([items(A, next="/v1/items")], {"pagination": BY_NEXT}, "one that was read before"),
        ([items(A, next="ORIGIN/v1/items?x=1")], {"pagination": BY_NEXT, "params": {"x": 1}}, "read before"),
        ([items(A, next="/v1/items?p=2"), items(B, next="/v1/items")], {"pagination": BY_NEXT}, "read before"),
        ([items(A, next="/v1/items?p=2"), items(B, next="/v1/items?p=2#x")], {"pagination": BY_NEXT}, "read before"),
        ([items(A, next=1), items(B, next="1")], {"pagination": cursor()}, "read before"),
        ([items(A), items(B), items(A)], {"pagination": page()}, "page 3 repeats the first one"),
        (
            [items(A, B, total=3), items(C, {"id": 4}, total=3)],
            {"pagination": offset(total_path="total")},
            "3 records, but 4 came",
        ),
        ([items(A, B, total=1)], {"pagination": cursor(cursor_path="x", total_path="total")}, "1 records, but 2 came"),
        ([items(A, next="//example.com/x")], {"pagination": BY_NEXT}, "another host"),
        ([items(A, next="http://u:p@127.0.0.1/x")], {"pagination": BY_NEXT}, "not a valid URL"),
        ([items(A, next="file:///etc/passwd")], {"pagination": BY_NEXT}, "not a valid URL"),
    ],
)
def test_pages_that_cannot_be_are_refused(replies: list[Any], config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read(*replies, records="items", **config)


def test_a_cursor_of_any_characters_comes_back_as_it_was() -> None:
    sent = "a&b=c d/é+%25#?\r\nX: y"
    _, requests = read(items(A, next=sent), items(B, next=None), records="items", pagination=cursor())
    assert requests[1].query == {"cursor": sent}


def test_a_total_that_shrinks_is_told(caplog: pytest.LogCaptureFixture) -> None:
    pages = [items(A, B, total=4), items(C, total=3)]
    with caplog.at_level(logging.WARNING):
        read(*pages, records="items", pagination=offset(total_path="total"))
    assert "the API spoke of 4 records, and then of 3" in caplog.text
    caplog.clear()
    # A cursor stays where it is, whatever comes and goes.
    with caplog.at_level(logging.WARNING):
        read(
            items(A, B, next="b", total=4),
            items(C, next=None, total=3),
            records="items",
            pagination=cursor(total_path="total"),
        )
    assert caplog.text == ""


def test_a_last_line_that_is_cut_is_an_error() -> None:
    body = b'Connection: close\r\n\r\n{"id": 1}\n{"id": 2'
    with pytest.raises(ConnectorError) as raised:
        read(RawReply([HEAD + body]))
    assert raised.value.fault.slug == "broken_json"


def test_a_link_elsewhere_takes_no_credential_there() -> None:
    from osiris_provider.connectors import close_all
    from osiris_provider.drivers import get_driver
    from osiris_provider.testing.context import RecordingContext

    with ScriptedApi([]) as stranger, ScriptedApi(items(A, next=f"{stranger.origin}/v1/items")) as api:
        connection = {"family": "api", "alias": "t", "base_url": f"{api.origin}/v1", "token": "s3cret"}
        config = {"resolved_connection": connection, "path": "items", "records": "items", "pagination": BY_NEXT}
        result = get_driver("api.extractor")
        with pytest.raises(DataError, match="another host"):
            result.run(step_id="s", config=config, inputs={}, ctx=RecordingContext())["data"].read_all()
        close_all()
        assert stranger.requests == []


@pytest.mark.parametrize("begin", ['{"a": ', '[{"a": ', "["])
@pytest.mark.parametrize("name", ["error", "items"])
def test_what_is_nested_too_deeply_is_an_error_in_words(name: str, begin: str) -> None:
    end = begin.translate({ord("{"): "}", ord("["): "]"}).replace('"a": ', "")[::-1]
    for depth in (60, 300, 480, 600, 900):
        answer = f'{{"{name}": [{{"id": {begin * depth}1{end * depth}}}]}}'
        with pytest.raises(OsirisError, match="Step read"):
            read(Reply(200, answer.encode(), {"Content-Type": "application/json"}), records="items")


@pytest.mark.parametrize(
    ("config", "target", "is_lost"),
    [
        ({"params": {"limit": 1000}}, "/v1/items/", True),
        ({"path": "items?limit=1000"}, "/v1/items/", True),
        ({"pagination": {"kind": "page", "end_status": [404]}}, "/v1/items/", True),
        ({"params": {"limit": 1000}}, "/v1/items/?limit=1000", False),
        ({"params": {"ids": []}}, "/v1/items/", False),
        ({}, "/v1/items/", False),
    ],
)
def test_a_redirect_that_loses_the_parameters_is_warned_of(
    config: dict[str, Any], target: str, is_lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    replies = [Reply(301, b"", {"Location": target}), items(A)]
    if "pagination" in config:
        replies.append(Reply(404, b"{}"))
    read(*replies, records="items", **config)
    said = [one for one in caplog.messages if "without the parameters" in one]
    assert len(said) == is_lost
    assert all("/v1/items/, without" in one for one in said)
