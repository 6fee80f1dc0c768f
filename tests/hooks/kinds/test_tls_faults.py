"""Kinds of TLS faults that libraries hide: files of no use, and a client's certificate that a server wants.

Not a held-back set: these were found by reading what the libraries raise, and mended.
"""

from __future__ import annotations

import ssl
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import authority, category_of, expect, issued, listening, tls
from tests.hooks.servers.imitated_databases import to_kafka
from tests.hooks.servers.kafka import KafkaBroker
from tests.servers.process import HOST


def fault_of(connection: HookConnection) -> str:
    return category_of(connection).partition("(")[2].rstrip(")")


# Files of TLS that are there, and are of no use


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return files by name: an authority, a certificate, its key, another key, and a text that is none of these."""
    path = tmp_path_factory.mktemp("files")
    client, other = issued("client.example"), issued("other.example")
    contents = {
        "authority": authority().cert_pem.bytes(),
        "certificate": client.cert_chain_pems[0].bytes(),
        "key": client.private_key_pem.bytes(),
        "other_key": other.private_key_pem.bytes(),
        "text": b"hello\n",
    }
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return {name: str(path / name) for name in contents}


BAD_FILES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "redis, an authority that is a text": ("redis", {"ssl": True}, {"ssl_ca_certs": "text"}),
    "redis, another's key": (
        "redis",
        {"ssl": True},
        {"ssl_ca_certs": "authority", "ssl_certfile": "certificate", "ssl_keyfile": "other_key"},
    ),
    "redis, no key": ("redis", {"ssl": True}, {"ssl_ca_certs": "authority", "ssl_certfile": "certificate"}),
    "trino, a key that is a text": (
        "trino",
        {"protocol": "https", "auth": "certs", "catalog": "tpch"},
        {"verify": "authority", "certs__client_cert_path": "certificate", "certs__client_key_path": "text"},
    ),
    "mongo, an authority that is a text": ("mongo", {"tls": True}, {"tlsCAFile": "text"}),
}


@pytest.mark.parametrize("situation", BAD_FILES)
def test_a_file_of_tls_that_is_of_no_use_is_a_mistake_and_no_handshake(
    situation: str, files: Mapping[str, str]
) -> None:
    conn_type, plain, named = BAD_FILES[situation]
    extra = {**plain, **{name: files[file] for name, file in named.items()}}
    with listening(lambda line: line.recv(4096), tls()) as port:
        assert fault_of(HookConnection("c", conn_type, HOST, None, None, port, None, extra)) == "misconfigured"


# A certificate of the client


def wants_a_certificate(authorities: str) -> ssl.SSLContext:
    context = tls()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authorities)
    return context


CLIENT: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "redis": ({"ssl": True}, {"ssl_ca_certs": "authority"}),
    "mongo": ({"tls": True}, {"tlsCAFile": "authority"}),
    "elasticsearch": ({}, {"ca_certs": "authority"}),
    "trino": ({"protocol": "https"}, {"verify": "authority"}),
}


@pytest.mark.parametrize("conn_type", CLIENT)
def test_a_client_certificate_is_wanted(conn_type: str, files: Mapping[str, str]) -> None:
    """With TLS 1.3 the server says so after the handshake, and a client that spoke at once finds the line broken."""
    plain, named = CLIENT[conn_type]
    extra = {**plain, **{name: files[file] for name, file in named.items()}}
    with listening(lambda line: line.recv(4096), wants_a_certificate(files["authority"])) as port:
        expect(HookConnection("c", conn_type, HOST, None, None, port, "https", extra), "auth")


# Kafka


def to_kafka_by_tls(port: int, **given: str) -> HookConnection:
    extra = {"bootstrap.servers": f"{HOST}:{port}", "security.protocol": "SSL"}
    named = {f"ssl.{name.replace('_', '.')}": file for name, file in given.items()}
    return HookConnection("log", "kafka", extra={**extra, **named})


def test_kafka_that_wants_a_client_certificate(files: Mapping[str, str]) -> None:
    """librdkafka has one code for whatever ends a line."""
    with listening(lambda line: line.recv(4096), wants_a_certificate(files["authority"])) as port:
        expect(to_kafka_by_tls(port, ca_location=files["authority"]), "auth")
        with_one = {"certificate_location": files["certificate"], "key_location": files["key"]}
        expect(to_kafka_by_tls(port, ca_location=files["authority"], **with_one), "network")


@pytest.mark.parametrize(
    ("context", "fault"),
    [(tls, "certificate_untrusted"), (lambda: tls(expired=True), "certificate_expired")],
    ids=["unknown", "expired"],
)
def test_kafka_says_why_tls_fails(context: Any, fault: str, files: Mapping[str, str]) -> None:
    named = {} if fault == "certificate_untrusted" else {"ca_location": files["authority"]}
    with listening(lambda line: line.recv(4096), context()) as port:
        assert fault_of(to_kafka_by_tls(port, **named)) == fault


class _Elsewhere(KafkaBroker):
    """A cluster that names one broker, which is not to be found."""

    def _answer(self, key: int, version: int, refused: bool) -> bytes:
        said = super()._answer(key, version, refused)
        own = struct.pack(">h", len(HOST)) + HOST.encode() + struct.pack(">i", self.port)
        other = struct.pack(">h", 9) + b"localhost" + struct.pack(">i", 9)
        return said.replace(own, other)


def test_kafka_that_names_brokers_which_are_not_reached() -> None:
    with _Elsewhere("loader", PASSWORD) as server:
        expect(to_kafka(HOST, server.port), "network")
