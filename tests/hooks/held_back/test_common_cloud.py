"""Faults that are common in the field, and that the tables of codes were not written against: Amazon Web Services.

A part of the fifth held-back set; its figures are in test_common.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection
from osiris_provider.hook_doctor.processes import servers

from tests.hooks.case import PASSWORD
from tests.hooks.held_back.peers import HTML, Says, Situation, authority, expect, http_server, listening, peer_of, tls
from tests.hooks.held_back.test_apis import aws_says, to_aws
from tests.servers.process import HOST


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give checks a configuration of AWS of their own, on a machine that is none of Amazon's."""
    path = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", str(path / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        servers().close()
        yield path
    servers().close()


ROLE = "arn:aws:iam::123456789012:role/loader"
# What the service says: the codes are those of its reference, "Common errors" and AssumeRoleWithWebIdentity.
# MinIO has no such action; it says so as apache/airflow #28545 has it.
SAYS: dict[str, Situation] = {
    "MinIO": (aws_says(400, "InvalidParameterValue"), {}, "unknown"),
    "an account that has not signed up": (aws_says(403, "OptInRequired"), {}, "permission"),
    "a proxy that sends to its login page": (Says(302, HTML, {"Location": "http://login.invalid/"}), {}, "unknown"),
    "a key with a line break": (Says(200), {"login": "AKIAIOSFODNN7EXAMPLE\n"}, "unknown"),
    "an authority that is no file": (Says(200), {"url": "https", "extra": {"verify": "/nowhere/ca.pem"}}, "unknown"),
    "a way to take a role that there is not": (
        Says(200),
        {"extra": {"role_arn": ROLE, "assume_role_method": "assume_role_with_samml"}},
        "unknown",
    ),
}


@pytest.mark.parametrize("situation", SAYS)
def test_aws(situation: str) -> None:
    peer, change, expected = SAYS[situation]
    with peer_of(peer) as port:
        expect(to_aws(port, **change), expected)


@pytest.mark.parametrize(
    ("name", "expired"), [(HOST, True), ("sts.example.com", False)], ids=["has expired", "is for another name"]
)
def test_aws_certificate_that(name: str, expired: bool, tmp_path: Path) -> None:
    authority().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with http_server(Says(200), tls(name, expired=expired)) as port:
        expect(to_aws(port, url="https", extra={"verify": str(tmp_path / "ca.pem")}), "network")


def proxy(answer: bytes) -> Callable[[], AbstractContextManager[int]]:
    """A proxy that answers each client the same, as Squid does who may not pass."""

    def serve(client: Any) -> None:
        with suppress(TimeoutError):
            client.recv(65536)
            client.sendall(answer)
            client.settimeout(0.2)
            client.recv(65536)

    return lambda: listening(serve)


REFUSAL = b"Content-Type: text/html\r\nContent-Length: 25\r\n\r\n<html>ERR_DENIED</html>\r\n"
WANTS_LOGIN = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="squid"\r\n' + REFUSAL
PROXIES = {
    "wants a login": ("http", WANTS_LOGIN, "auth"),
    "wants a login before it connects": ("https", WANTS_LOGIN, "auth"),
    "does not connect to there": ("https", b"HTTP/1.1 403 Forbidden\r\n" + REFUSAL, "permission"),
}


@pytest.mark.parametrize("situation", PROXIES)
def test_aws_by_a_proxy_that(situation: str) -> None:
    scheme, answer, expected = PROXIES[situation]
    with proxy(answer)() as port:
        extra = {
            "config_kwargs": {"proxies": {scheme: f"http://{HOST}:{port}"}},
            "service_config": {"sts": {"endpoint_url": f"{scheme}://sts.example.invalid"}},
        }
        expect(to_aws(9, extra=extra), expected)


# Where the credentials are not in the connection.

TAKES_ROLE = f"role_arn = {ROLE}\n"
WEB = TAKES_ROLE + "web_identity_token_file = {home}/token\nendpoint_url = http://127.0.0.1:{port}\n"
LOGGED_OUT = """sso_session = corp
sso_account_id = 123456789012
sso_role_name = loader
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
"""
SECOND_FACTOR = """mfa_serial = arn:aws:iam::123456789012:mfa/loader
source_profile = base
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
"""
PROFILES: dict[str, tuple[str, Says, str]] = {
    "nobody has logged in to": (LOGGED_OUT, Says(200), "auth"),
    "has a program that fails": ("credential_process = /bin/false\n", Says(200), "auth"),
    "has a token in a file that there is not": (WEB.replace("{home}", "/nowhere"), Says(200), "unknown"),
    "has a token of a provider that the account does not know": (WEB, aws_says(400, "InvalidIdentityToken"), "auth"),
    "has a token that has expired": (WEB, aws_says(400, "ExpiredTokenException"), "auth"),
    "asks for a second factor": (TAKES_ROLE + SECOND_FACTOR, Says(200), "auth"),
    "builds on one that there is not": (TAKES_ROLE + "source_profile = nobody\n", Says(200), "unknown"),
}


def without_keys(port: int, **extra: Any) -> HookConnection:
    return to_aws(port, login=None, password=None, extra=extra)


@pytest.mark.parametrize("situation", PROFILES)
def test_aws_profile_that(situation: str, home: Path) -> None:
    lines, says, expected = PROFILES[situation]
    (home / "token").write_text(f"header.{PASSWORD}.signature")
    with peer_of(says) as port:
        (home / "config").write_text("[profile loader]\n" + lines.format(home=home, port=port))
        expect(without_keys(port, profile_name="loader"), expected)


def test_aws_without_any_key(home: Path) -> None:
    (home / "config").unlink(missing_ok=True)
    with peer_of(Says(200)) as port:
        expect(without_keys(port), "auth")
