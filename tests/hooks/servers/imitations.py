"""Imitations of services that cannot be had here; each speaks as much of the protocol as a check needs.

moto and Azurite are others' imitations of AWS and of Azure's storage; the others are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, WRONG, Case, Served
from tests.hooks.keys import google_key, new_key
from tests.hooks.servers.http_apis import API, databricks, elasticsearch, kubernetes, slack, token
from tests.hooks.servers.imitated_databases import IMITATED_DATABASES
from tests.hooks.servers.programs import directory, running
from tests.servers.process import HOST, free_port
from tests.servers.s3 import REGION, S3Server

AZURITE = Path(".hooks-venv/azurite/node_modules/.bin/azurite-blob")
ACCOUNT = "loader"
BLOB_KEY = "c2VjcmV0LWtleS1vZi1hLXRlc3QtYWNjb3VudC0wMDE="
OTHER_KEY = "c2VjcmV0LWtleS1vZi1hLXRlc3QtYWNjb3VudC0wMDI="


def _kubeconfig(host: str, port: int, bearer: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": f"http://{host}:{port}"}}],
            "users": [{"name": "u", "user": {"token": bearer}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        }
    )


def _slack(host: str, port: int, bearer: str = PASSWORD) -> HookConnection:
    return HookConnection(
        "chat", "slack", None, None, bearer, None, None, {"base_url": f"http://{host}:{port}/api/", "timeout": 30}
    )


def _databricks(host: str, port: int, bearer: str = PASSWORD) -> HookConnection:
    return HookConnection("dbx", "databricks", host, None, bearer, port, "http")


def _kubernetes(host: str, port: int, bearer: str = PASSWORD) -> HookConnection:
    return HookConnection(
        "k8s", "kubernetes", None, None, None, None, None, {"kube_config": _kubeconfig(host, port, bearer)}
    )


def _elasticsearch(host: str, port: int, password: str = PASSWORD) -> HookConnection:
    return HookConnection("es", "elasticsearch", host, "loader", password, port, "http")


def _aws(host: str, port: int) -> HookConnection:
    extra = {"region_name": REGION, "service_config": {"sts": {"endpoint_url": f"http://{host}:{port}"}}}
    return HookConnection("cloud", "aws", None, "AKIAIOSFODNN7EXAMPLE", PASSWORD, None, None, extra)


def _wasb(host: str, port: int, key: str = BLOB_KEY) -> HookConnection:
    parts = {
        "DefaultEndpointsProtocol": "http",
        "AccountName": ACCOUNT,
        "AccountKey": key,
        "BlobEndpoint": f"http://{host}:{port}/{ACCOUNT}",
    }
    joined = ";".join(f"{name}={value}" for name, value in parts.items())
    return HookConnection("blob", "wasb", None, None, PASSWORD, None, None, {"connection_string": joined})


def _google(host: str, port: int, private_key: str | None = None) -> HookConnection:
    key = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": private_key or google_key(),
        "client_email": "loader@p.iam.gserviceaccount.com",
        "token_uri": f"http://{host}:{port}/token",
    }
    extra = {"keyfile_dict": json.dumps(key), "project": "p"}
    return HookConnection("gcp", "google_cloud_platform", None, None, PASSWORD, None, None, extra)


def _api(answer: Any, connection: Any, change: Any) -> Any:
    """Return what serves an imitated API.

    :param answer: answers a request.
    :param connection: returns the healthy connection to a host and port.
    :param change: returns the fields of the other one that are wrong.
    """

    @contextmanager
    def serve() -> Iterator[Served]:
        with API(answer) as api:
            yield Served(connection(HOST, api.port), change(HOST, api.port), lambda: api.refused)

    return serve


def _wrong_password(_host: str, _port: int) -> dict[str, Any]:
    return {"password": WRONG}


@contextmanager
def aws() -> Iterator[Served]:
    """moto, which checks who signs."""
    with S3Server() as server:
        key_id, secret = server.restricted_key()
        refused: int = 0

        def tries() -> int:
            nonlocal refused
            refused += [request["status"] for request in server.control("served")].count(HTTPStatus.FORBIDDEN)
            return refused

        with server.checking_credentials():
            good = replace(_aws(HOST, server.port), login=key_id, password=secret)
            yield Served(good, {"login": "AKIAIOSFODNN7NOBODY0"}, tries)


@contextmanager
def wasb() -> Iterator[Served]:
    """Azurite, which Microsoft makes for tests."""
    with directory("azurite") as path:
        port = free_port()
        command: list[str | Path] = [
            "/usr/bin/env",
            f"AZURITE_ACCOUNTS={ACCOUNT}:{BLOB_KEY}",
            AZURITE.resolve(),
            "--blobHost",
            HOST,
        ]
        command += ["--blobPort", str(port), "--location", path, "--skipApiVersionCheck", "--debug", path / "debug"]
        with running(command, path / "log", port):
            wrong = {"extra": _wasb(HOST, port, OTHER_KEY).extra}
            yield Served(_wasb(HOST, port), wrong, lambda: (path / "log").read_text().count(" 403 "))


IMITATIONS: tuple[Case, ...] = (
    *IMITATED_DATABASES,
    Case("slack", _api(slack, _slack, _wrong_password), _slack),
    Case("databricks", _api(databricks, _databricks, _wrong_password), _databricks),
    Case(
        "kubernetes",
        _api(kubernetes, _kubernetes, lambda host, port: {"extra": _kubernetes(host, port, WRONG).extra}),
        _kubernetes,
    ),
    Case("elasticsearch", _api(elasticsearch, _elasticsearch, _wrong_password), _elasticsearch),
    Case(
        "google_cloud_platform",
        _api(token, _google, lambda host, port: {"extra": _google(host, port, new_key()).extra}),
        _google,
    ),
    Case("aws", aws, _aws),
    Case("wasb", wasb, _wasb),
)
