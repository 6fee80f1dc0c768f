"""Faults of AWS, Azure's storage and Elasticsearch that the tables of codes were not written against.

A part of the second held-back set; its figures are in test_lines.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.faults.sql import trustme_day
from tests.hooks.case import PASSWORD, Served
from tests.hooks.held_back.peers import (
    HTML,
    HTTP_400,
    NOISE,
    Says,
    Situation,
    expect,
    http_server,
    peer_of,
    scripted,
    tls,
)
from tests.hooks.servers.imitations import ACCOUNT, BLOB_KEY, wasb
from tests.servers.process import HOST
from tests.servers.s3 import REGION

# Amazon Web Services


def aws_says(status: int, code: str) -> Says:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error>"
    body = f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{error}</ErrorResponse>'
    return Says(status, body, {"Content-Type": "text/xml"})


def to_aws(port: int, **change: Any) -> HookConnection:
    extra = {
        "region_name": REGION,
        "service_config": {"sts": {"endpoint_url": f"{change.pop('url', 'http')}://{HOST}:{port}"}},
        **change.pop("extra", {}),
    }
    plain = HookConnection("cloud", "aws", None, "AKIAIOSFODNN7EXAMPLE", PASSWORD, None, None, extra)
    return replace(plain, **change)


ROLE = {"role_arn": "arn:aws:iam::123456789012:role/loader"}
AWS: dict[str, Situation] = {
    "an unknown key": (aws_says(403, "InvalidClientTokenId"), {}, "auth"),
    "a wrong secret": (aws_says(403, "SignatureDoesNotMatch"), {}, "auth"),
    "an expired session": (aws_says(403, "ExpiredToken"), {}, "auth"),
    "a region that is not enabled": (aws_says(403, "RegionDisabledException"), {}, "permission"),
    "a denial by policy": (aws_says(403, "AccessDenied"), {}, "permission"),
    "a role that may not be taken": (aws_says(403, "AccessDenied"), {"extra": ROLE}, "permission"),
    "a role that is none": (aws_says(400, "ValidationError"), {"extra": {"role_arn": "loader"}}, "unknown"),
    "a temporary token that is cut off": (aws_says(400, "IncompleteSignature"), {}, "auth"),
    "too many requests": (aws_says(400, "Throttling"), {}, "network"),
    "its inside fails": (aws_says(500, "InternalFailure"), {}, "network"),
    "not available": (aws_says(503, "ServiceUnavailable"), {}, "network"),
    "a balancer without a server": (Says(503, "<html>Service Unavailable</html>"), {}, "network"),
    "a gateway without a server": (Says(502, "<html>Bad Gateway</html>"), {}, "network"),
    "another service": (Says(404, "<html>Not Found</html>"), {}, "unknown"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (Says(200), {"url": "https"}, "network"),
    "a profile that there is not": (
        Says(200),
        {"login": None, "password": None, "extra": {"profile_name": "ghost"}},
        "unknown",
    ),
    "a key without its secret": (Says(200), {"password": None}, "auth"),
    "an address without a scheme": (
        Says(200),
        {"extra": {"service_config": {"sts": {"endpoint_url": "localhost:4566"}}}},
        "unknown",
    ),
    "a region with blanks": (
        aws_says(403, "InvalidClientTokenId"),
        {"extra": {"region_name": "eu west 1", "service_config": {}}},
        "unknown",
    ),
    "a proxy that is not there": (
        Says(200),
        {"url": "http", "extra": {"config_kwargs": {"proxies": {"http": "http://127.0.0.1:9"}}}},
        "network",
    ),
}


@pytest.mark.parametrize("situation", AWS)
def test_aws(situation: str) -> None:
    what, change, expected = AWS[situation]
    with peer_of(what) as port:
        expect(to_aws(port, **change), expected)


def test_aws_certificate_of_an_unknown_authority() -> None:
    with http_server(Says(200), tls()) as port:
        expect(to_aws(port, url="https"), "network")


# Azure's storage


def azure_says(status: int, code: str) -> Says:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>m</Message></Error>'
    return Says(status, body, {"x-ms-error-code": code, "Content-Type": "application/xml"})


def to_wasb(address: str, **change: str | None) -> HookConnection:
    parts = {"AccountName": ACCOUNT, "AccountKey": BLOB_KEY, "BlobEndpoint": f"{address}/{ACCOUNT}", **change}
    joined = ";".join(f"{name}={value}" for name, value in parts.items() if value is not None)
    return HookConnection("blob", "wasb", None, None, None, None, None, {"connection_string": joined})


WASB: dict[str, Situation] = {
    "a wrong key": (azure_says(403, "AuthenticationFailed"), {}, "auth"),
    "an account where keys are switched off": (azure_says(403, "KeyBasedAuthenticationNotPermitted"), {}, "auth"),
    "a disabled account": (azure_says(403, "AccountIsDisabled"), {}, "auth"),
    # It was "auth" at first: Azurite has the same code for a wrong key. It says its name, so both are told now.
    "a firewall": (azure_says(403, "AuthorizationFailure"), {}, "permission"),
    "no right": (azure_says(403, "AuthorizationPermissionMismatch"), {}, "permission"),
    "no right for the account": (azure_says(403, "InsufficientAccountPermissions"), {}, "permission"),
    "public access switched off": (azure_says(409, "PublicAccessNotPermitted"), {}, "permission"),
    "an account that is being made": (azure_says(409, "AccountBeingCreated"), {}, "network"),
    "too busy": (azure_says(503, "ServerBusy"), {}, "network"),
    "its inside fails": (azure_says(500, "InternalError"), {}, "network"),
    "its inside is too slow": (azure_says(500, "OperationTimedOut"), {}, "timeout"),
    "no such thing": (azure_says(404, "ResourceNotFound"), {}, "unknown"),
    "a gateway without a server": (Says(502, "<html>Bad Gateway</html>"), {}, "network"),
    "speaks HTTP of another kind": (lambda: scripted(HTTP_400, HTTP_400), {}, "unknown"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (Says(200), {"url": "https"}, "network"),
    "a key that is no Base64": (Says(200), {"AccountKey": "not/base64?"}, "unknown"),
    "no key": (Says(200), {"AccountKey": None, "BlobEndpoint": None, "AccountName": None}, "unknown"),
}


@pytest.mark.parametrize("situation", WASB)
def test_wasb(situation: str) -> None:
    what, change, expected = WASB[situation]
    with peer_of(what) as port:
        given = dict(change)
        expect(to_wasb(f"{given.pop('url', 'http')}://{HOST}:{port}", **given), expected)


def test_wasb_certificate_of_an_unknown_authority() -> None:
    with http_server(Says(200), tls()) as port:
        expect(to_wasb(f"https://{HOST}:{port}"), "network")


@pytest.fixture(scope="module")
def azurite() -> Iterator[Served]:
    with wasb() as served:
        yield served


def signature(hours: int, **types: bool) -> str:
    blob = import_module("azure.storage.blob")
    expiry = trustme_day(0) + timedelta(hours=hours)
    start = expiry - timedelta(days=2)
    may_read = blob.AccountSasPermissions(read=True)
    token: str = blob.generate_account_sas(ACCOUNT, BLOB_KEY, blob.ResourceTypes(**types), may_read, expiry, start)
    return token


@pytest.mark.parametrize(
    ("hours", "types", "expected"),
    [
        (-2, {"service": True, "container": True, "object": True}, "auth"),
        # The real service may want more; this one asks for no right here.
        (2, {"object": True}, "ok"),
        (2, {"service": True, "container": True, "object": True}, "ok"),
    ],
    ids=["expired", "of objects only", "healthy"],
)
def test_wasb_shared_access_signature(azurite: Served, hours: int, types: dict[str, bool], expected: str) -> None:
    text = azurite.connection.extra["connection_string"]
    endpoint = next(part for part in text.split(";") if part.startswith("BlobEndpoint"))
    joined = f"{endpoint};SharedAccessSignature={signature(hours, **types)}"
    expect(replace(azurite.connection, extra={"connection_string": joined}), expected)


# Elasticsearch

ELASTIC = {"X-Elastic-Product": "Elasticsearch"}


def elastic_says(status: int, kind: str) -> Says:
    return Says(status, {"error": {"type": kind, "reason": "r"}, "status": status}, ELASTIC)


INFO = {"name": "n", "version": {"number": "2.19.0", "distribution": "opensearch"}, "tagline": "x"}
ELASTICSEARCH: dict[str, Situation] = {
    "a wrong password": (elastic_says(401, "security_exception"), {}, "auth"),
    "a user without the right": (elastic_says(403, "security_exception"), {}, "permission"),
    "too many requests": (elastic_says(429, "circuit_breaking_exception"), {}, "network"),
    "no master": (elastic_says(503, "master_not_discovered_exception"), {}, "network"),
    "its inside fails": (elastic_says(500, "null_pointer_exception"), {}, "network"),
    "a gateway without a server": (Says(502, "<html>Bad Gateway</html>"), {}, "network"),
    "a gateway that does not wait": (Says(504, "<html>Gateway Time-out</html>"), {}, "network"),
    "a wrong path": (Says(404, "<html>Not Found</html>"), {}, "unknown"),
    "OpenSearch": (Says(200, INFO), {}, "network"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "redirected to TLS": (Says(301, "", {"Location": "https://example.invalid/"}), {}, "unknown"),
    "the port of its own protocol": (lambda: scripted(b"This is not an HTTP port"), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (Says(200), {"schema": "https"}, "network"),
    "a host with a scheme in it": (Says(200), {"host": f"http://{HOST}"}, "unknown"),
}


@pytest.mark.parametrize("situation", ELASTICSEARCH)
def test_elasticsearch(situation: str) -> None:
    what, change, expected = ELASTICSEARCH[situation]
    with peer_of(what) as port:
        plain = HookConnection("es", "elasticsearch", HOST, "loader", PASSWORD, port, "http")
        expect(replace(plain, **change), expected)


@pytest.mark.parametrize("schema", ["http", "https"])
def test_elasticsearch_speaks_tls(schema: str) -> None:
    with http_server(elastic_says(401, "security_exception"), tls()) as port:
        expect(HookConnection("es", "elasticsearch", HOST, "loader", PASSWORD, port, schema), "network")
