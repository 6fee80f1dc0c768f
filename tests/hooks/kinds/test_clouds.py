"""Faults of the kinds that held-back sets had missed, of the clouds' types: fields and files that hold something else,
proxies, redirects, pages and other APIs in the place of an answer, logins that are not in the connection.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.faults.peers import closed_port
from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import (
    HTML,
    Peer,
    Says,
    Situation,
    authority,
    expect,
    http_server,
    listening,
    peer_of,
    tls,
)
from tests.hooks.held_back.test_apis import azure_says, to_wasb
from tests.hooks.held_back.test_keys import to_google
from tests.hooks.held_back.test_tokens import ALLOWED, config, kubernetes_says, to_kubernetes
from tests.hooks.servers.authority import context
from tests.hooks.servers.imitations import ACCOUNT, BLOB_KEY, wasb
from tests.servers.process import HOST

ELSEWHERE = Says(302, HTML, {"Location": "http://login.invalid/"})
"""A gateway that sends who is not known to its login page."""
OTHER_API = Says(200, {"status": "up"})
LIST = Says(200, [])


pytestmark = pytest.mark.usefixtures("without_proxies")


@pytest.fixture(scope="module", autouse=True)
def no_settings() -> Iterator[None]:
    """Leave nothing that the machine itself knows of a cloud."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_GCE_CHECK", "true")
        yield


def proxy(status: bytes) -> AbstractContextManager[int]:
    """A proxy that refuses, whatever it is asked for."""
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def serve(line: Any) -> None:
        line.recv(65536)
        line.sendall(answer)
        line.settimeout(1)
        line.recv(65536)

    return listening(serve)


WANTS_LOGIN = b"407 Proxy Authentication Required"
DENIES = b"403 Forbidden"


# Google Cloud

FORBIDDEN = {"error": {"code": 403, "message": "m", "status": "PERMISSION_DENIED"}}
UNAUTHENTICATED = {"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}
GOOGLE: dict[str, Situation] = {
    "refuses as other APIs do": (Says(403, FORBIDDEN), {}, "permission"),
    "does not know the caller, and says it as other APIs do": (Says(401, UNAUTHENTICATED), {}, "auth"),
    "sends elsewhere": (ELSEWHERE, {}, "unknown"),
    "is another API": (OTHER_API, {}, "network"),
    "is another API with another status": (Says(201, {}), {}, "network"),
    "answers with a list": (LIST, {}, "network"),
    "fails without JSON": (Says(400, HTML), {}, "unknown"),
    "has no name": (OTHER_API, {"token_uri": "http:///token"}, "unknown"),
    "has no scheme": (OTHER_API, {"token_uri": "oauth2.example.invalid/token"}, "unknown"),
    "has a port out of range": (OTHER_API, {"token_uri": f"http://{HOST}:70000/token"}, "unknown"),
    "has an empty label": (OTHER_API, {"token_uri": "http://a..example.invalid/token"}, "unknown"),
    "is not known by name": (OTHER_API, {"token_uri": "http://no-such-host.invalid/token"}, "network"),
    "refuses": (closed_port, {}, "network"),
    "has no key": (OTHER_API, {"private_key": None}, "unknown"),
}


@pytest.mark.parametrize("situation", GOOGLE)
def test_google_whose_endpoint_for_tokens(situation: str) -> None:
    peer, change, expected = GOOGLE[situation]
    with peer_of(peer) as port:
        expect(to_google(**{"token_uri": f"http://{HOST}:{port}/token", **change}), expected)


FILES = {
    "nothing": b"",
    "no JSON": b"-----BEGIN PRIVATE KEY-----",
    "no text": b"\xff\xfe\x00\x01",
    "a list": b"[]",
    "a text": b'"key"',
    "another kind of key": b'{"type": "authorized_user", "client_id": "c"}',
    "no kind of key": b'{"type": "nonsense"}',
}


@pytest.mark.parametrize("field", ["key_path", "credential_config_file"])
@pytest.mark.parametrize("holds", FILES)
def test_google_file_that_holds(holds: str, field: str, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_bytes(FILES[holds])
    extra = {field: str(tmp_path / "key.json")}
    expect(HookConnection("gcp", "google_cloud_platform", extra=extra), "unknown")


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"credential_config_file": "/nowhere/config.json"}, "unknown"),
        ({"key_path": "/nowhere/key.json", "keyfile_dict": "{}"}, "unknown"),
        ({"keyfile_dict": "[]"}, "unknown"),
        ({"keyfile_dict": '"text"'}, "unknown"),
        ({"is_anonymous": True}, "ok"),
        ({}, "auth"),
    ],
    ids=["a configuration that there is not", "two at once", "a list", "a text", "anonymous", "nothing"],
)
def test_google_with(extra: dict[str, Any], expected: str) -> None:
    expect(HookConnection("gcp", "google_cloud_platform", extra=extra), expected)


FEDERATION: dict[str, Situation] = {
    "has expired": (Says(400, {"error": "invalid_grant", "error_description": "m"}), {}, "auth"),
    "is of a pool that there is not": (Says(400, {"error": "invalid_target"}), {}, "unknown"),
    "is refused by a condition": (Says(400, {"error": "unauthorized_client"}), {}, "auth"),
    "comes at a bad moment": (Says(503, HTML), {}, "network"),
    "is not there": (OTHER_API, {"file": "/nowhere/token"}, "unknown"),
    "comes to a page": (Says(200, HTML), {}, "network"),
}


@pytest.mark.parametrize("situation", FEDERATION)
def test_google_token_of_another_provider_that(situation: str, tmp_path: Path) -> None:
    peer, change, expected = FEDERATION[situation]
    (tmp_path / "token").write_text("header.body.signature")
    with peer_of(peer) as port:
        written = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"http://{HOST}:{port}/v1/token",
            "credential_source": {"file": str(tmp_path / "token"), **change},
        }
        extra = {"credential_config_file": written, "project": "p"}
        expect(HookConnection("gcp", "google_cloud_platform", extra=extra), expected)


# Azure's storage

TOKEN = "?sv=2024-01-01&sig=c2lnbmF0dXJl"
STORAGE: dict[str, Situation] = {
    "has a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "is another API": (OTHER_API, {}, "network"),
    "is another API with another status": (Says(202, {}), {}, "network"),
    "sends elsewhere": (ELSEWHERE, {}, "unknown"),
    "has a firewall": (azure_says(403, "AuthorizationFailure"), {}, "permission"),
    "answers as a filter on the way": (Says(403, HTML), {}, "permission"),
    "wants TLS": (azure_says(400, "AccountRequiresHttps"), {}, "network"),
    "is not known by name": (closed_port, {"BlobEndpoint": "http://no-such-host.invalid"}, "network"),
    "has an empty label": (closed_port, {"BlobEndpoint": "http://a..example.invalid"}, "unknown"),
    "has a port out of range": (closed_port, {"BlobEndpoint": f"http://{HOST}:70000"}, "unknown"),
}


@pytest.mark.parametrize("situation", STORAGE)
def test_storage_that(situation: str) -> None:
    peer, change, expected = STORAGE[situation]
    with peer_of(peer) as port:
        expect(to_wasb(f"http://{HOST}:{port}", **change), expected)


def test_storage_of_an_emulator_that_does_not_accept_the_key() -> None:
    with wasb() as served:
        expect(served.refused(), "auth")
        expect(served.connection, "ok")


@pytest.mark.parametrize(("status", "expected"), [(WANTS_LOGIN, "auth"), (DENIES, "permission")])
def test_storage_by_a_proxy_that_refuses(status: bytes, expected: str) -> None:
    with proxy(status) as port:
        plain = to_wasb("http://storage.example.invalid")
        expect(replace(plain, extra={**plain.extra, "proxies": {"http": f"http://{HOST}:{port}"}}), expected)


@pytest.mark.parametrize(("status", "expected"), [(WANTS_LOGIN, "auth"), (DENIES, "permission")])
def test_storage_by_a_proxy_that_does_not_connect(status: bytes, expected: str) -> None:
    with proxy(status) as port:
        plain = to_wasb("https://storage.example.invalid")
        expect(replace(plain, extra={**plain.extra, "proxies": {"https": f"http://{HOST}:{port}"}}), expected)


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "a signature that is an address": ({"sas_token": "https://{at}/account" + TOKEN}, "auth"),
    "a name of before": ({"extra__wasb__connection_string": f"BlobEndpoint=https://{{at}};AccountName={ACCOUNT};"
                          f"AccountKey={BLOB_KEY}"}, "auth"),
    "a tenant that is no name": ({"tenant_id": "not a tenant"}, "unknown"),
    "options of the login that are none": ({"tenant_id": "t", "client_secret_auth_config": "x"}, "unknown"),
    "an authority that is no file": ({"shared_access_key": BLOB_KEY, "connection_verify": "/nowhere/ca"}, "unknown"),
}  # fmt: skip


@pytest.mark.parametrize("situation", FIELDS)
def test_storage_with(situation: str) -> None:
    extra, expected = FIELDS[situation]
    with http_server(azure_says(403, "AuthenticationFailed"), context()) as port:
        at = f"{HOST}:{port}"
        given = {name: value.replace("{at}", at) if isinstance(value, str) else value for name, value in extra.items()}
        names_it = any("{at}" in str(value) for value in extra.values())
        host = None if names_it else f"https://{at}/{ACCOUNT}"
        expect(HookConnection("blob", "wasb", host, None if names_it else "app", None, extra=given), expected)


# Databricks


def to_databricks(port: int | None, **extra: Any) -> HookConnection:
    return HookConnection("dbx", "databricks", HOST, None, None if extra else PASSWORD, port, "http", extra)


VERSIONS = Says(200, {"versions": []})
DATABRICKS: dict[str, tuple[Peer, dict[str, Any], str]] = {
    "is another API": (OTHER_API, {}, "network"),
    "answers with a list": (LIST, {}, "network"),
    "has a page in the place of an answer, with the token in extra": (Says(200, HTML), {"token": PASSWORD}, "network"),
    "gets a token with a line break in extra": (VERSIONS, {"token": f"{PASSWORD}\n"}, "unknown"),
    "gets an empty token": (VERSIONS, {"token": ""}, "auth"),
    "sends elsewhere": (ELSEWHERE, {}, "unknown"),
    "does not accept the token, and says so in a page": (Says(403, HTML), {}, "auth"),
    "does not accept the token": (Says(403, {"error_code": "403", "message": "Invalid access token."}), {}, "auth"),
    "is named in extra": (VERSIONS, {"host": HOST, "token": PASSWORD}, "ok"),
    "is asked by proxies that are none": (VERSIONS, {"proxies": "http://proxy", "token": PASSWORD}, "unknown"),
    "is asked for an identity that the machine has not": (VERSIONS, {"use_azure_managed_identity": True}, "auth"),
    "is asked with a token of a file that there is not": (
        VERSIONS,
        {"federated_k8s": True, "client_id": "c", "k8s_token_path": "/nowhere/token"},
        "unknown",
    ),
}


@pytest.mark.parametrize("situation", DATABRICKS)
def test_databricks_that(situation: str) -> None:
    peer, extra, expected = DATABRICKS[situation]
    with peer_of(peer) as port:
        plain = to_databricks(port, **extra)
        expect(replace(plain, host=None) if "host" in extra else plain, expected)


@pytest.mark.parametrize(("scheme", "status", "expected"), [
    ("http", WANTS_LOGIN, "auth"), ("https", WANTS_LOGIN, "auth"), ("https", DENIES, "permission"),
])  # fmt: skip
def test_databricks_by_a_proxy_that_refuses(scheme: str, status: bytes, expected: str) -> None:
    with proxy(status) as port:
        plain = to_databricks(None, token=PASSWORD, proxies={scheme: f"http://{HOST}:{port}"})
        expect(replace(plain, host="dbx.example.invalid", schema=scheme), expected)


# Kubernetes

NO_PEM = base64.b64encode(b"no PEM").decode()
FORBIDS = kubernetes_says(403, "Forbidden")
FAILS = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/bin/false",
        "interactiveMode": "Never",
    }
}
KUBERNETES: dict[str, Situation] = {
    "is another API": (OTHER_API, {}, "network"),
    "answers with a list": (LIST, {}, "network"),
    "sends elsewhere": (ELSEWHERE, {}, "unknown"),
    "forbids it to who has logged in": (FORBIDS, {}, "permission"),
    "forbids it to who has no credentials": (FORBIDS, {"user": {}}, "auth"),
    "forbids it, as the program for tokens has failed": (FORBIDS, {"user": FAILS}, "auth"),
    "gets a token with a line break": (ALLOWED, {"user": {"token": f"{PASSWORD}\n"}}, "unknown"),
    "gets a token of a file that there is not": (ALLOWED, {"user": {"tokenFile": "/nowhere/token"}}, "unknown"),
    "gets user and password": (
        kubernetes_says(401, "Unauthorized"),
        {"user": {"username": "u", "password": "p"}},
        "auth",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", KUBERNETES)
def test_kubernetes_that(situation: str) -> None:
    peer, change, expected = KUBERNETES[situation]
    with peer_of(peer) as port:
        expect(to_kubernetes({"kube_config": json.dumps(config(f"http://{HOST}:{port}", **change))}), expected)


@contextmanager
def certificates() -> Iterator[int]:
    with http_server(ALLOWED, tls()) as port:
        yield port


TRUST = {"certificate-authority-data": base64.b64encode(authority().cert_pem.bytes()).decode()}
CERTIFICATES: dict[str, dict[str, Any]] = {
    "an authority that is no PEM": {"cluster": {"certificate-authority-data": NO_PEM}},
    "an authority that is no Base64": {"cluster": {"certificate-authority-data": "%"}},
    "an authority that is no file": {"cluster": {"certificate-authority": "/nowhere/ca.crt"}},
    "a certificate that is no PEM": {
        "cluster": TRUST,
        "user": {"client-certificate-data": NO_PEM, "client-key-data": NO_PEM},
    },
    "a certificate that is no file": {
        "cluster": TRUST,
        "user": {"client-certificate": "/nowhere/u.crt", "client-key": "/nowhere/u.key"},
    },
}


@pytest.mark.parametrize("situation", CERTIFICATES)
def test_kubernetes_with(situation: str) -> None:
    with certificates() as port:
        written = config(f"https://{HOST}:{port}", **CERTIFICATES[situation])
        expect(to_kubernetes({"kube_config": json.dumps(written)}), "unknown")


def wanting(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that wants a certificate of who connects."""
    wants = context()
    wants.verify_mode = ssl.CERT_REQUIRED
    wants.minimum_version = wants.maximum_version = version
    authority().configure_trust(wants)
    return wants


VERSIONS_OF_TLS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS_OF_TLS, ids=str)
def test_a_client_certificate_is_wanted(version: ssl.TLSVersion) -> None:
    # What a client sees of it depends on who is faster; each one here writes at another time.
    with http_server(VERSIONS, wanting(version)) as port:
        expect(replace(to_databricks(port), schema="https"), "auth")
        expect(to_google(f"https://{HOST}:{port}/token"), "auth")
        expect(to_wasb(f"https://{HOST}:{port}"), "auth")
        server = {"server": f"https://{HOST}:{port}", "insecure-skip-tls-verify": True}
        expect(to_kubernetes({"kube_config": json.dumps(config("", cluster=server))}), "auth")


def test_a_server_that_hangs_up_wants_no_certificate() -> None:
    with listening(lambda line: line.recv(65536), context()) as port:
        expect(replace(to_databricks(port), schema="https"), "network")


SERVERS = {
    "no server": {},
    "a port out of range": {"server": f"https://{HOST}:70000"},
    "an empty label": {"server": "https://a..example.invalid"},
}


@pytest.mark.parametrize("situation", SERVERS)
def test_kubernetes_of(situation: str) -> None:
    written = config("")
    written["clusters"] = [{"name": "k", "cluster": SERVERS[situation]}]
    expect(to_kubernetes({"kube_config": json.dumps(written)}), "unknown")


@pytest.mark.parametrize("holds", [b"\xff\xfe\x00\x01", b"a: [b", b"text", b"[]", b""])
def test_kubernetes_file_that_holds_something_else(holds: bytes, tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(holds)
    expect(to_kubernetes({"kube_config_path": str(tmp_path / "config")}), "unknown")
