"""An object store that redirects gets nothing sent to another host, and what answers there is not taken for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk import ObjectStoragePath
from botocore import UNSIGNED
from fsspec import get_filesystem_class
from osiris_provider.cli.staging import open_store
from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT
from osiris_provider.connectors.http.faults import PROXY_AUTH, REDIRECTED, REFUSED_REQUEST, SERVER_ERROR
from osiris_provider.errors import ConnectorError, Fault, UnknownConnectorError
from osiris_provider.runtime.cleanup import remove_old
from osiris_provider.runtime.staging import OpenPath, StagedData, Staging
from osiris_provider.runtime.state import StateStore, TaskKey
from osiris_provider.storage.faults import (
    BUSY,
    ELSEWHERE,
    FILE_TOO_LARGE,
    FORBIDDEN,
    FULL,
    NO_ADDRESS,
    NO_BUCKET,
    WRONG_KEY,
)
from osiris_provider.storage.s3 import without_redirects
from upath import UPath

from tests.security.http.rogue import RogueHttp, redirect
from tests.servers.apis.http import RawReply, Reply

PATH_PARTS = ("dag", "run", "task", "0", "1")
REFERENCE = "/".join((*PATH_PARTS, "data.parquet"))
TOKEN = "canary-token-4711"
URL = "s3://bucket/area"
EMPTY = Reply(200, b"<ListBucketResult/>", {"Content-Type": "application/xml"})
USES: dict[str, Callable[[str, Any], Any]] = {
    "write": lambda url, path: Staging(url, path).write(PATH_PARTS, pa.table({"a": [1]}).to_reader()),
    "read": lambda url, path: Staging(url, path).read(StagedData(f"{url}/{REFERENCE}", 1, 1, ["a"]))["table"],
    "clean up": lambda url, path: list(Staging(url, path).remove_old(timedelta(days=1))),
    "list state": lambda url, path: StateStore(url, path).names(TaskKey("dag", "task")),
    "read state": lambda url, path: StateStore(url, path).read(TaskKey("dag", "task"), "run.json"),
}


@pytest.fixture
def elsewhere() -> Iterator[RogueHttp]:
    """A host that must not be reached; it answers as a bucket does that has nothing in it."""
    with RogueHttp(lambda _: EMPTY) as server:
        yield server


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, new_s3_client: None) -> Iterator[RogueHttp]:
    """What the environment has for the endpoint of S3."""
    del new_s3_client
    with RogueHttp(lambda _: EMPTY) as server:
        given = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": TOKEN}
        for name, value in {**given, "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.origin}.items():
            monkeypatch.setenv(name, value)
        yield server


def assert_nothing_follows(store: RogueHttp, elsewhere: RogueHttp, url: str, open_path: OpenPath, status: int) -> None:
    store.script = lambda request: redirect(f"{elsewhere.origin}{request.path}", status)
    for use in USES.values():
        store.requests.clear()
        with pytest.raises(UnknownConnectorError) as raised:
            use(url, open_path)
        assert (raised.value.fault, raised.value.is_transient) == (REDIRECTED, False)
        assert TOKEN in store.received
        # A client that goes in a circle asks hundreds of times.
        assert len(store.requests) < 5
    assert elsewhere.received == ""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_follows_a_redirect(store: RogueHttp, elsewhere: RogueHttp, status: int) -> None:
    assert_nothing_follows(store, elsewhere, URL, UPath, status)


def test_nor_with_an_airflow_connection(
    store: RogueHttp, elsewhere: RogueHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"endpoint_url": store.origin, "region_name": "us-east-1", "aws_session_token": TOKEN}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ROGUE_STORE", json.dumps(connection))
    assert_nothing_follows(store, elsewhere, "s3://rogue_store@bucket/area", ObjectStoragePath, 307)


@pytest.mark.parametrize("url", [URL, f"simplecache::{URL}"])
def test_nor_on_the_command_line(store: RogueHttp, elsewhere: RogueHttp, url: str) -> None:
    store.script = lambda request: redirect(f"{elsewhere.origin}{request.path}")
    fs, root = open_store(url)
    with pytest.raises(UnknownConnectorError, match="redirects to another address"):
        list(remove_old(fs, root, url, timedelta(days=1)))
    assert elsewhere.received == ""


def test_nor_by_a_client_that_others_have_used_before(store: RogueHttp, elsewhere: RogueHttp) -> None:
    assert UPath(URL).fs.ls("bucket") == []
    assert_nothing_follows(store, elsewhere, URL, UPath, 307)


@pytest.mark.usefixtures("store")
def test_a_client_with_a_signer_keeps_it() -> None:
    # Airflow ties it to the client, and has requests not signed otherwise.
    used = get_filesystem_class("s3")(config_kwargs={"signature_version": UNSIGNED})
    client = used.s3
    assert without_redirects(used).s3 is client


def test_the_region_of_a_bucket_is_asked_at_the_same_host(store: RogueHttp, elsewhere: RogueHttp) -> None:
    store.script = lambda _: Reply(301, b"", {"x-amz-bucket-region": "eu-west-1", "Location": elsewhere.origin})
    for use in USES.values():
        with pytest.raises(UnknownConnectorError) as raised:
            use(URL, UPath)
        assert raised.value.fault == ELSEWHERE
    assert elsewhere.received == ""
    assert any("eu-west-1" in request.headers["authorization"] for request in store.requests)


def coded(code: str, status: int) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>canary</Message></Error>".encode())


def raw(text: bytes) -> RawReply:
    return RawReply([text])


ANSWERS: tuple[tuple[Reply | RawReply, Fault], ...] = (
    (coded("AccessDenied", 403), FORBIDDEN),
    (coded("EntityTooLarge", 400), FILE_TOO_LARGE),
    (coded("InvalidBucketName", 400), NO_ADDRESS),
    (coded("NoSuchBucket", 404), NO_BUCKET),
    (coded("RequestTimeout", 400), TIMED_OUT),
    (coded("XMinioStorageFull", 507), FULL),
    (coded("NeverHeardOf", 400), REFUSED_REQUEST),
    (coded("NeverHeardOf", 499), REFUSED_REQUEST),
    (coded("NeverHeardOf", 500), BUSY),
    (coded("NeverHeardOf", 501), SERVER_ERROR),
    (Reply(400), REFUSED_REQUEST),
    (Reply(401), WRONG_KEY),
    (Reply(403), FORBIDDEN),
    (Reply(407), PROXY_AUTH),
    (Reply(429), BUSY),
    (Reply(502), SERVER_ERROR),
    (Reply(503), BUSY),
    # No file is missing in a bucket: these are pages of something that is no S3.
    (Reply(404), REFUSED_REQUEST),
    (Reply.html("<p>not found", 404), REFUSED_REQUEST),
    (Reply.html("<p>not found</p>", 404), REFUSED_REQUEST),
    (raw(b"SSH-2.0-OpenSSH\r\n"), GARBAGE),
    (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), GARBAGE),
    (raw(b""), RESET),
    (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<x>"), RESET),
)


def meaning(reply: Reply | RawReply, store: RogueHttp) -> str:
    store.script = lambda _: reply
    with pytest.raises(ConnectorError) as raised:
        USES["list state"](URL, UPath)
    assert "canary" not in str(raised.value)
    return "" if raised.value.fault is None else raised.value.fault.slug


def test_what_a_store_answers_has_a_meaning_and_is_never_no_state(
    store: RogueHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    assert [meaning(reply, store) for reply, _ in ANSWERS] == [fault.slug for _, fault in ANSWERS]
