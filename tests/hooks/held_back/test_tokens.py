"""Faults of Kubernetes, Slack and Databricks that the tables of codes were not written against.

A part of the second held-back set; its figures are in test_lines.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import (
    HTML,
    NOISE,
    Says,
    Situation,
    authority,
    expect,
    http_server,
    peer_of,
    scripted,
    tls,
)
from tests.servers.process import HOST

# Kubernetes


def kubernetes_says(code: int, reason: str) -> Says:
    return Says(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})


def config(
    server: str, user: Mapping[str, Any] | None = None, cluster: Mapping[str, Any] | None = None, context: str = "c"
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": "k", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user if user is not None else {"token": PASSWORD}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }


def to_kubernetes(extra: Mapping[str, Any]) -> HookConnection:
    return HookConnection("k8s", "kubernetes", extra={**extra})


REVIEW = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {}}
ALLOWED = Says(201, {**REVIEW, "status": {"allowed": True}}, stranger=401)
NOT_INSTALLED = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "no-such-authenticator",
        "interactiveMode": "Never",
    }
}
KUBERNETES: dict[str, Situation] = {
    "healthy": (ALLOWED, {}, "ok"),
    "an expired token": (kubernetes_says(401, "Unauthorized"), {}, "auth"),
    "a user without any right": (kubernetes_says(403, "Forbidden"), {}, "permission"),
    "no token": (ALLOWED, {"user": {}}, "auth"),
    "a program for tokens that is not installed": (ALLOWED, {"user": NOT_INSTALLED}, "auth"),
    "a wrong path": (kubernetes_says(404, "NotFound"), {}, "unknown"),
    "too many requests": (kubernetes_says(429, "TooManyRequests"), {}, "network"),
    "its database does not answer": (kubernetes_says(500, "InternalError"), {}, "network"),
    "not ready": (kubernetes_says(503, "ServiceUnavailable"), {}, "network"),
    "a gateway without a server": (Says(502, "<html>Bad Gateway</html>"), {}, "network"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "HTTP to a port of TLS": (Says(400, "Client sent an HTTP request to an HTTPS server."), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    # Without TLS no certificate is read.
    "a certificate of the user that is no file": (
        ALLOWED,
        {"user": {"client-certificate": "/nowhere/u.crt", "client-key": "/nowhere/u.key"}},
        "auth",
    ),
    "a context that there is not": (ALLOWED, {"context": "other"}, "unknown"),
}


@pytest.mark.parametrize("situation", KUBERNETES)
def test_kubernetes(situation: str) -> None:
    what, change, expected = KUBERNETES[situation]
    with peer_of(what) as port:
        expect(to_kubernetes({"kube_config": json.dumps(config(f"http://{HOST}:{port}", **change))}), expected)


@pytest.mark.parametrize(
    "extra",
    [
        {"kube_config_path": "/nowhere/config"},
        {"kube_config": "{not json"},
        {"in_cluster": True},
        {"in_cluster": True, "kube_config_path": "/nowhere/config"},
    ],
    ids=["a file that there is not", "no JSON", "not in a cluster", "two at once"],
)
def test_kubernetes_configuration(extra: dict[str, Any]) -> None:
    expect(to_kubernetes(extra), "unknown")


@pytest.mark.parametrize(
    ("certificate", "trusted", "expected"),
    [
        ({"name": HOST}, True, "ok"),
        ({"name": HOST}, False, "network"),
        ({"name": HOST, "expired": True}, True, "network"),
        ({"name": "k8s.example.com"}, True, "network"),
    ],
    ids=["healthy", "of an unknown authority", "expired", "of another name"],
)
def test_kubernetes_certificate(certificate: dict[str, Any], trusted: bool, expected: str) -> None:
    data = base64.b64encode(authority().cert_pem.bytes()).decode()
    cluster = {"certificate-authority-data": data} if trusted else {}
    with http_server(ALLOWED, tls(**certificate)) as port:
        written = config(f"https://{HOST}:{port}", cluster=cluster)
        expect(to_kubernetes({"kube_config": json.dumps(written)}), expected)


# Slack


def slack_says(error: str, status: int = 200) -> Says:
    return Says(status, {"ok": False, "error": error})


def to_slack(port: int, scheme: str = "http", **change: Any) -> HookConnection:
    extra = {"base_url": f"{scheme}://{HOST}:{port}/api/", "timeout": 30, **change.pop("extra", {})}
    return replace(HookConnection("chat", "slack", None, None, PASSWORD, None, None, extra), **change)


GOOD = Says(200, {"ok": True, "url": "https://x.slack.com/", "team": "x", "user": "loader"})
SLACK: dict[str, Situation] = {
    "healthy": (GOOD, {}, "ok"),
    "an expired token": (slack_says("token_expired"), {}, "auth"),
    "a revoked token": (slack_says("token_revoked"), {}, "auth"),
    "a disabled account": (slack_says("account_inactive"), {}, "auth"),
    "no scope": (slack_says("missing_scope"), {}, "permission"),
    "an administrator has not agreed": (slack_says("team_access_not_granted"), {}, "permission"),
    "a limit on rates": (Says(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "30"}), {}, "network"),
    "a workspace that is being moved": (slack_says("org_login_required"), {}, "network"),
    "a workspace that joins an organization": (slack_says("team_added_to_org"), {}, "network"),
    "not available": (slack_says("service_unavailable"), {}, "network"),
    "a balancer without a server": (Says(503, "<html>Service Unavailable</html>"), {}, "network"),
    "a wrong path": (Says(404, "<html>Not Found</html>"), {}, "unknown"),
    "a method that is no longer there": (slack_says("method_deprecated"), {}, "unknown"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (GOOD, {"scheme": "https"}, "network"),
    "no token": (GOOD, {"password": None}, "auth"),
    # Its client takes the line break away.
    "a token with a line break": (GOOD, {"password": f"{PASSWORD}\n"}, "ok"),
    "a proxy that is not there": (GOOD, {"extra": {"proxy": "http://127.0.0.1:9"}}, "network"),
}


@pytest.mark.parametrize("situation", SLACK)
def test_slack(situation: str) -> None:
    what, change, expected = SLACK[situation]
    with peer_of(what) as port:
        expect(to_slack(port, **change), expected)


def test_slack_certificate_of_an_unknown_authority() -> None:
    with http_server(GOOD, tls()) as port:
        expect(to_slack(port, "https"), "network")


def test_slack_proxy_that_wants_a_login() -> None:
    with http_server(Says(407, "<html>Proxy Authentication Required</html>")) as port:
        proxy = {"proxy": f"http://{HOST}:{port}", "base_url": "http://slack.example.invalid/api/"}
        expect(to_slack(port, extra=proxy), "auth")


# Databricks


def databricks_says(status: int, code: str) -> Says:
    return Says(status, {"error_code": code, "message": "m"})


DATABRICKS: dict[str, Situation] = {
    "a wrong token": (databricks_says(401, "UNAUTHENTICATED"), {}, "auth"),
    "a user without the right": (databricks_says(403, "PERMISSION_DENIED"), {}, "permission"),
    "too many requests": (databricks_says(429, "REQUEST_LIMIT_EXCEEDED"), {}, "network"),
    "not available": (databricks_says(503, "TEMPORARILY_UNAVAILABLE"), {}, "network"),
    "its inside fails": (databricks_says(500, "INTERNAL_ERROR"), {}, "network"),
    "a wrong path": (databricks_says(404, "ENDPOINT_NOT_FOUND"), {}, "unknown"),
    "a request that it does not like": (databricks_says(400, "INVALID_PARAMETER_VALUE"), {}, "unknown"),
    "a page in the place of an answer": (Says(200, HTML), {}, "network"),
    "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    "TLS where none is spoken": (Says(200, {}), {"schema": "https"}, "network"),
    "no token": (Says(200, {"versions": []}, stranger=401), {"password": None, "login": None}, "auth"),
    "a token with a line break": (Says(200, {"versions": []}), {"password": f"{PASSWORD}\n"}, "unknown"),
    "healthy": (Says(200, {"versions": []}, stranger=401), {}, "ok"),
}


@pytest.mark.parametrize("situation", DATABRICKS)
def test_databricks(situation: str) -> None:
    what, change, expected = DATABRICKS[situation]
    with peer_of(what) as port:
        expect(replace(HookConnection("dbx", "databricks", HOST, None, PASSWORD, port, "http"), **change), expected)


def test_databricks_certificate_of_an_unknown_authority() -> None:
    with http_server(Says(200, {"versions": []}), tls()) as port:
        expect(HookConnection("dbx", "databricks", HOST, None, PASSWORD, port, "https"), "network")
