"""Faults of Kubernetes and of APIs as users report them, in the order in which a search finds the reports.

A part of the seventh held-back set, of which test_databases.py says more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.faults.peers import NO_ROUTE, closed_port, unanswered_port
from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import Peer, Says, Situation, authority, expect, http_server, listening, peer_of, tls
from tests.hooks.held_back.reports.test_databases import BAD_GATEWAY, UNKNOWN_HOST, is_silent
from tests.hooks.held_back.test_tokens import NOT_INSTALLED, config, to_kubernetes
from tests.hooks.servers.http_apis import API, Answer
from tests.servers.process import HOST

# Kubernetes


def status(code: int, reason: str, message: str) -> dict[str, Any]:
    """Return how the API says no."""
    kind = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**kind, "message": message, "reason": reason, "code": code}


VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
NOBODY = 'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create resource'


def for_strangers(path: str, headers: Mapping[str, str], _: bytes) -> Answer:
    """Answer as a cluster does that lets strangers see its version, and nothing else."""
    if path.startswith("/version"):
        return 200, VERSION, False
    assert "Authorization" not in headers
    return 403, status(403, "Forbidden", NOBODY), False


@contextmanager
def lets_strangers_in() -> Iterator[int]:
    with API(for_strangers) as api:
        yield api.port


UNREACHED_NODE = "error dialing backend: dial tcp 10.0.0.4:10250: connect: connection refused"
TOO_MANY = "Too many requests, please try again later.\n"
CLUSTER_NAME = "kubernetes.default.svc"


@dataclass(frozen=True)
class Cluster:
    """A cluster, and how it is written down.

    :param peer: what answers.
    :param expected: the category.
    :param host: in the address of the cluster; by default that of the peer.
    :param scheme: in the address of the cluster.
    :param user: by default one with a token.
    """

    peer: Peer
    expected: str
    host: str = HOST
    scheme: str = "http"
    user: Mapping[str, Any] | None = None
    trust: Mapping[str, Any] = field(default_factory=dict)


def trusted() -> dict[str, str]:
    return {"certificate-authority-data": base64.b64encode(authority().cert_pem.bytes()).decode()}


KUBERNETES = {
    "accepts and says nothing": Cluster(is_silent, "timeout"),
    "refuses": Cluster(closed_port, "network"),
    "shows a certificate for its name, and is asked for by its address": Cluster(
        lambda: http_server(Says(200, VERSION), tls(CLUSTER_NAME)), "network", scheme="https"
    ),
    "does not reach a node": Cluster(Says(500, status(500, "InternalError", UNREACHED_NODE)), "network"),
    "does not answer": Cluster(unanswered_port, "timeout"),
    # The server has asked for the client to provide credentials.
    "does not take the token": Cluster(Says(401, status(401, "Unauthorized", "Unauthorized")), "auth"),
    "has too many requests": Cluster(
        Says(429, TOO_MANY, {"Retry-After": "1", "Content-Type": "text/plain; charset=utf-8"}), "network"
    ),
    # It goes on without a token.
    "is asked for a token by a program that is not installed": Cluster(lets_strangers_in, "auth", user=NOT_INSTALLED),
}


@pytest.mark.parametrize("situation", KUBERNETES)
def test_kubernetes_that(situation: str) -> None:
    cluster = KUBERNETES[situation]
    with peer_of(cluster.peer) as port:
        written = config(f"{cluster.scheme}://{cluster.host}:{port}", cluster.user, trusted())
        expect(to_kubernetes({"kube_config": json.dumps(written)}), cluster.expected)


def test_kubernetes_without_a_configuration() -> None:
    # In no cluster, and without a file in the home directory.
    expect(to_kubernetes({}), "unknown")


def test_kubernetes_with_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    expect(to_kubernetes({"kube_config_path": str(tmp_path / "config")}), "unknown")


# HTTP

FORBIDDEN = {"detail": "Forbidden"}
HTTP: dict[str, Situation] = {
    "refuses": (closed_port, {}, "network"),
    "does not answer": (unanswered_port, {}, "timeout"),
    "is not there for its proxy": (Says(502, BAD_GATEWAY), {}, "network"),
    "hangs up without an answer": (lambda: listening(lambda client: client.recv(65536)), {}, "network"),
    "has too many requests": (Says(429, {"message": "Too Many Requests"}, {"Retry-After": "1"}), {}, "network"),
    "is not available": (Says(503, "Service Unavailable"), {}, "network"),
    "is not known by name": (closed_port, {"host": UNKNOWN_HOST}, "network"),
    "is in a network that is not reached": (closed_port, {"host": NO_ROUTE}, "network"),
    "accepts and says nothing": (is_silent, {}, "timeout"),
    "takes the credentials and forbids": (Says(403, FORBIDDEN, stranger=401), {}, "permission"),
}


@pytest.mark.parametrize("situation", HTTP)
def test_http_that(situation: str) -> None:
    peer, change, expected = HTTP[situation]
    with peer_of(peer) as port:
        expect(replace(HookConnection("web", "http", HOST, "loader", PASSWORD, port, "http"), **change), expected)
