"""Faults of Google Cloud and SFTP that the tables of codes were not written against.

A part of the third held-back set; its figures are in test_databases.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD, Served
from tests.hooks.held_back.peers import HTML, NOISE, Says, Situation, expect, http_server, peer_of, scripted, tls
from tests.hooks.keys import google_key
from tests.hooks.servers.real import sftp
from tests.servers.process import HOST

# Google Cloud


def google_says(status: int, error: str) -> Says:
    return Says(status, {"error": error, "error_description": "m"})


def to_google(token_uri: str, **change: Any) -> HookConnection:
    key = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": google_key(),
        "client_email": "loader@p.iam.gserviceaccount.com",
        "token_uri": token_uri,
        **change,
    }
    given = {name: value for name, value in key.items() if value is not None}
    extra = {"keyfile_dict": json.dumps(given), "project": "p"}
    return HookConnection("gcp", "google_cloud_platform", extra=extra)


GOOGLE: dict[str, Situation] = {
    "a deleted key": (google_says(400, "invalid_grant"), {}, "auth"),
    "a client that may not": (google_says(401, "unauthorized_client"), {}, "auth"),
    "an unknown client": (google_says(401, "invalid_client"), {}, "auth"),
    "a denial by policy": (google_says(403, "access_denied"), {}, "permission"),
    "a scope that is none": (google_says(400, "invalid_scope"), {}, "unknown"),
    "too many requests": (google_says(429, "rate_limit_exceeded"), {}, "network"),
    "not available": (google_says(503, "temporarily_unavailable"), {}, "network"),
    "its inside fails": (google_says(500, "internal_failure"), {}, "network"),
    "a gateway without a server": (Says(502, "<html>Bad Gateway</html>"), {}, "network"),
    "a wrong path": (Says(404, "<html>Not Found</html>"), {}, "unknown"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "an answer without a token": (Says(200, {}), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (Says(200, {}), {"scheme": "https"}, "network"),
    "a key that is cut off": (Says(200, {}), {"private_key": google_key()[:200]}, "unknown"),
    "a key of nobody": (Says(200, {}), {"client_email": None}, "unknown"),
}


@pytest.mark.parametrize("situation", GOOGLE)
def test_google(situation: str) -> None:
    peer, change, expected = GOOGLE[situation]
    with peer_of(peer) as port:
        given = dict(change)
        expect(to_google(f"{given.pop('scheme', 'http')}://{HOST}:{port}/token", **given), expected)


def test_google_certificate_of_an_unknown_authority() -> None:
    with http_server(Says(200, {}), tls()) as port:
        expect(to_google(f"https://{HOST}:{port}/token"), "network")


@pytest.mark.parametrize(
    "extra",
    [{"key_path": "/nowhere/key.json"}, {"key_path": "/nowhere/key.p12"}, {"keyfile_dict": "{not json"}],
    ids=["a file that there is not", "a kind of file that is not read", "no JSON"],
)
def test_google_configuration(extra: dict[str, Any]) -> None:
    expect(HookConnection("gcp", "google_cloud_platform", extra=extra), "unknown")


# SFTP


@pytest.fixture(scope="module")
def shell() -> Iterator[Served]:
    with sftp() as served:
        yield served


def encrypted_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    form = serialization.PrivateFormat.OpenSSH
    locked = serialization.BestAvailableEncryption(b"of the key")
    return Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.PEM, form, locked).decode()


SFTP: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "a key file that there is not": (lambda: {"key_file": "/nowhere/id_ed25519"}, "unknown"),
    "an encrypted key without its passphrase": (lambda: {"private_key": encrypted_key()}, "auth"),
    "an encrypted key with another passphrase": (
        lambda: {"private_key": encrypted_key(), "private_key_passphrase": "of another"},
        "auth",
    ),
    "a host key that is none": (lambda: {"host_key": "ssh-ed25519 nonsense", "no_host_key_check": False}, "unknown"),
    "a server that is not known yet": (lambda: {"no_host_key_check": False}, "network"),
    # The hook sets it when it has connected.
    "ciphers that are refused": (lambda: {"ciphers": ["3des-cbc"]}, "ok"),
    "a time that is no number": (lambda: {"conn_timeout": "soon"}, "unknown"),
}


@pytest.mark.parametrize("situation", SFTP)
def test_sftp(situation: str, shell: Served) -> None:
    change, expected = SFTP[situation]
    extra = {"no_host_key_check": True, "look_for_keys": False, **change()}
    password = None if "key" in situation and "host" not in situation else PASSWORD
    expect(replace(shell.connection, password=password, extra=extra), expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    # The hook takes the line break away.
    [({"password": ""}, "auth"), ({"password": f"{PASSWORD}\n"}, "ok"), ({"login": "loader "}, "auth")],
    ids=["an empty password", "a line break after the password", "a blank after the user"],
)
def test_sftp_login(change: dict[str, Any], expected: str, shell: Served) -> None:
    expect(replace(shell.connection, **change), expected)
