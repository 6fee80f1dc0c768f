"""Faults that the tables of codes were not written against, of ten types whose tables had been mended before.

The fourth held-back set: the categories were written down before the first run, by what an operator calls each fault.
Of its 57 faults, rarer ones than those of the sets before, 32 were right at first (56 %); the others were "unknown" but
for three, and are in the tables now.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import NOISE, Says, Situation, expect, peer_of, scripted
from tests.hooks.held_back.test_apis import aws_says, azure_says, elastic_says, to_aws, to_wasb
from tests.hooks.held_back.test_databases import clickhouse_says, mongo_says, trino_says
from tests.hooks.held_back.test_keys import google_says, to_google
from tests.hooks.held_back.test_lines import ASKS, HELLO, ftp_peer, imap_peer
from tests.hooks.held_back.test_tokens import databricks_says, kubernetes_says, slack_says, to_slack
from tests.hooks.servers.tds import TDSServer
from tests.servers.process import HOST

Connect = Callable[[int], HookConnection]


def plain(conn_type: str, schema: str | None = None, **extra: Any) -> Connect:
    return lambda port: HookConnection("c", conn_type, HOST, "loader", PASSWORD, port, schema, extra)


def _mail(*replies: bytes) -> Callable[[], AbstractContextManager[int]]:
    return lambda: scripted(*replies, *replies[-1:] * 3)


SMTP_HELLO = (b"220 mail ESMTP\r\n", b"250-mail\r\n250 AUTH PLAIN\r\n")
FAULTS: dict[str, dict[str, Situation]] = {
    "ftp": {
        "too many clients, at the greeting": (ftp_peer(b"530 Sorry, the maximum number of clients\r\n"), {}, "network"),
        "ready in some minutes": (ftp_peer(b"120 Service ready in 10 minutes\r\n"), {}, "network"),
        "not connected to its users": (ftp_peer(HELLO, ASKS, b"451 Local error in processing\r\n"), {}, "network"),
        "a directory without the right": (
            ftp_peer(HELLO, ASKS, b"230 ok\r\n", b"550 Permission denied.\r\n"),
            {},
            "permission",
        ),
    },
    "imap": {
        "a login by the web is wanted": (imap_peer(b"NO [WEBALERT https://x] Web login required."), {}, "auth"),
        "used up": (imap_peer(b"NO [OVERQUOTA] Account exceeded command or bandwidth limits."), {}, "network"),
        "in use by another": (imap_peer(b"NO [INUSE] Mailbox is locked"), {}, "network"),
        "a hidden error": (imap_peer(b"NO [SERVERBUG] Internal error occurred."), {}, "network"),
    },
    "smtp": {
        "a disabled account": (_mail(*SMTP_HELLO, b"525 5.7.13 User account disabled\r\n"), {}, "auth"),
        "a password that has to be changed": (
            _mail(*SMTP_HELLO, b"432 4.7.12 A password transition is needed\r\n"),
            {},
            "auth",
        ),
        "an address on a list": (_mail(b"550 5.7.1 Your address is on a block list\r\n"), {}, "permission"),
        "too busy for more": (_mail(b"450 4.3.2 Too many connections\r\n"), {}, "network"),
    },
    "redis": {
        "protected mode": (_mail(b"-DENIED Redis is running in protected mode\r\n"), {}, "permission"),
        "a replica without its primary": (_mail(b"-MASTERDOWN Link with MASTER is down\r\n"), {}, "network"),
        "speaks noise": (lambda: scripted(NOISE), {}, "network"),
    },
    "aws": {
        "its identity provider is away": (aws_says(400, "IDPCommunicationError"), {}, "network"),
        "an account that is blocked": (aws_says(403, "Blocked"), {}, "permission"),
        "an account that is not yet verified": (aws_says(403, "PendingVerification"), {}, "permission"),
        "a token that is none": (aws_says(400, "InvalidToken"), {}, "auth"),
        "a service that does not know the request": (aws_says(400, "InvalidAction"), {}, "unknown"),
    },
    "wasb": {
        "TLS required": (azure_says(400, "AccountRequiresHttps"), {}, "network"),
        "a wrong address": (azure_says(400, "InvalidUri"), {}, "unknown"),
        "no credentials": (azure_says(401, "NoAuthenticationInformation"), {}, "auth"),
        "a signature for another service": (azure_says(403, "AuthorizationServiceMismatch"), {}, "permission"),
    },
    "elasticsearch": {
        "a proxy that wants a login": (Says(407, "<html>Proxy Authentication Required</html>"), {}, "auth"),
        "too slow": (elastic_says(408, "timeout_exception"), {}, "timeout"),
        "a method that it does not take": (elastic_says(405, "illegal_argument_exception"), {}, "unknown"),
    },
    "slack": {
        "a token of another kind": (slack_says("not_allowed_token_type"), {}, "auth"),
        "the address is not allowed": (slack_says("accesslimited"), {}, "permission"),
        "an unknown method": (slack_says("unknown_method"), {}, "unknown"),
        "too slow": (slack_says("request_timeout"), {}, "timeout"),
        "a filter on the way": (Says(403, "<html>Blocked</html>"), {}, "permission"),
    },
    "databricks": {
        "used up": (databricks_says(429, "RESOURCE_EXHAUSTED"), {}, "network"),
        "too slow": (databricks_says(504, "DEADLINE_EXCEEDED"), {}, "timeout"),
        "a workspace that is away": (databricks_says(500, "WORKSPACE_TEMPORARILY_UNAVAILABLE"), {}, "network"),
        "switched off": (databricks_says(404, "FEATURE_DISABLED"), {}, "unknown"),
    },
    "kubernetes": {
        "too slow": (kubernetes_says(504, "Timeout"), {}, "timeout"),
        "a login page": (Says(401, "<html>Sign in</html>"), {}, "auth"),
        "a method that it does not take": (kubernetes_says(405, "MethodNotAllowed"), {}, "unknown"),
    },
    "google": {
        "a disabled client": (google_says(401, "disabled_client"), {}, "auth"),
        "a policy of the administrator": (google_says(400, "admin_policy_enforced"), {}, "permission"),
        "a filter on the way": (Says(403, "<html>Blocked</html>"), {}, "permission"),
    },
    "trino": {
        "a table that there is not": (trino_says("TABLE_NOT_FOUND", "USER_ERROR"), {}, "unknown"),
        "what it cannot do": (trino_says("NOT_SUPPORTED", "USER_ERROR"), {}, "unknown"),
        "no space": (trino_says("OUT_OF_SPILL_SPACE", "INSUFFICIENT_RESOURCES"), {}, "unknown"),
    },
    "clickhouse": {
        "names that it does not find": (clickhouse_says(500, 198), {}, "network"),
        "no thread left": (clickhouse_says(500, 439), {}, "network"),
        "a setting that it does not know": (clickhouse_says(404, 115), {}, "unknown"),
    },
    "mongo": {
        "no member that would do": (mongo_says("ping", 133), {}, "network"),
        "a member that is not reached": (mongo_says("ping", 6), {}, "network"),
        "a member that is too slow": (mongo_says("ping", 89), {}, "timeout"),
        "a command that it does not know": (mongo_says("ping", 59), {}, "unknown"),
    },
}


def _kubernetes(port: int) -> HookConnection:
    from json import dumps

    from tests.hooks.held_back.test_tokens import config, to_kubernetes

    return to_kubernetes({"kube_config": dumps(config(f"http://{HOST}:{port}"))})


CONNECT: dict[str, Connect] = {
    "ftp": plain("ftp"),
    "imap": plain("imap", use_ssl=False),
    "smtp": plain("smtp", disable_ssl=True, disable_tls=True),
    "redis": lambda port: replace(plain("redis", db=0)(port), login=None),
    "aws": to_aws,
    "wasb": lambda port: to_wasb(f"http://{HOST}:{port}"),
    "elasticsearch": plain("elasticsearch", "http"),
    "slack": to_slack,
    "databricks": lambda port: replace(plain("databricks", "http")(port), login=None),
    "kubernetes": _kubernetes,
    "google": lambda port: to_google(f"http://{HOST}:{port}/token"),
    "trino": lambda port: replace(plain("trino", catalog="tpch", protocol="http")(port), password=None),
    "clickhouse": plain("clickhouse", "db"),
    "mongo": plain("mongo", authMechanism="PLAIN", authSource="$external"),
}


@pytest.mark.parametrize(("kind", "situation"), [(kind, name) for kind, faults in FAULTS.items() for name in faults])
def test_a_fault(kind: str, situation: str) -> None:
    peer, _, expected = FAULTS[kind][situation]
    if expected == "timeout":
        # Said, and not waited for.
        with peer_of(peer) as port:
            from tests.hooks.held_back.peers import category_of

            assert category_of(CONNECT[kind](port)).split()[0] == expected
        return
    with peer_of(peer) as port:
        expect(CONNECT[kind](port), expected)


SQL_SERVER = {18463: "auth", 40914: "permission", 47073: "permission", 49918: "network", 942: "permission"}


@pytest.mark.parametrize("number", SQL_SERVER)
def test_a_refusal_of_sql_server(number: int) -> None:
    with TDSServer("loader", "another password", {number: 14}) as server:
        expect(plain("mssql", "sales")(server.port), SQL_SERVER[number])
