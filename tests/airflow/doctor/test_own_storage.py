"""Keys of a storage that speaks S3 and is none of Amazon's are asked for there, and not at Amazon."""

from __future__ import annotations

from typing import Any

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.check_many import prepare

from tests.hooks.held_back.peers import Says, http_server
from tests.servers.process import HOST
from tests.servers.s3 import KEY_ID, REGION, SECRET, S3Server

SECONDS = 60.0


def report_of(extra: dict[str, Any], secret: str = SECRET) -> dict[str, Any]:
    given = {"conn_type": "aws", "login": KEY_ID, "password": secret, "extra": {"region_name": REGION, **extra}}
    resolved = {"family": "airflow", "alias": "storage", **given}
    connector = get_connector("airflow")
    prepare([(connector, resolved)])
    return dict(connector.doctor(resolved, SECONDS)[1])


@pytest.mark.parametrize("way", ["endpoint_url", "service_config"])
def test_keys_are_asked_for_where_they_are(s3_server: S3Server, way: str) -> None:
    address = {"endpoint_url": s3_server.origin}
    report = report_of(address if way == "endpoint_url" else {"service_config": {"s3": address}})
    assert (report["category"], report["details"].get("proven")) == ("ok", None), report


def says(status: int, code: str) -> Says:
    return Says(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>", {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("code", "category", "proven"),
    [
        ("InvalidAccessKeyId", "auth", None),
        ("SignatureDoesNotMatch", "auth", None),
        # A key for some buckets.
        ("AccessDenied", "ok", False),
    ],
)
def test_what_a_storage_says_of_a_key(code: str, category: str, proven: bool | None) -> None:
    with http_server(says(403, code)) as port:
        # Not that of another test, which is remembered.
        report = report_of({"endpoint_url": f"http://{HOST}:{port}"}, code)
    assert (report["category"], report["details"].get("proven")) == (category, proven), report


def test_sts_is_asked_where_the_connection_says_so(s3_server: S3Server) -> None:
    error = "<Error><Code>InvalidClientTokenId</Code><Message>m</Message></Error>"
    with http_server(Says(403, f"<ErrorResponse>{error}</ErrorResponse>", {"Content-Type": "text/xml"})) as port:
        address = {"endpoint_url": f"http://{HOST}:{port}"}
        report = report_of({"endpoint_url": s3_server.origin, "service_config": {"sts": address}}, "another")
    assert report["category"] == "auth", report
