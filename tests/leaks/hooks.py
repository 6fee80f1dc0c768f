"""Connections that their own hooks check, with secrets wherever people put them, and hooks that tell them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.peers import closed_port
from tests.leaks.canaries import HOOK, HOOK_EXTRA, HOOK_LOGIN, HOOK_URL, STORED
from tests.security.hook_doctor.mail_server import MailServer
from tests.security.hook_doctor.provider import install

TELLS = (
    "fails", "fails_with_token_url", "fails_with_header", "fails_with_dsn", "fails_with_attributes", "fails_with_class",
    "fails_with_chain", "succeeds_with_secret", "forks",
)  # fmt: skip
"""What the hooks of the hostile provider do; most of it is what a hook of the community was seen to do."""
LIB = "hook_lib"
"""Where the provider is, below the directory of the world."""
PIDS = "hook_pids"


@contextmanager
def hook_connections(directory: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """Start what they lead to, and return the connections by alias.

    :param directory: for files.
    """
    install(directory / LIB)
    pids = directory / PIDS
    pids.write_text("")
    secret = {"pids": str(pids), "header": f"X-Key: {HOOK_EXTRA.secret}\n", "api": {"deep": HOOK_EXTRA.secret}}
    with MailServer(accepts=HOOK.secret) as mail, closed_port() as closed:
        login = {"host": "127.0.0.1", "port": mail.port, "login": HOOK_LOGIN.secret}
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "x@example.com"}
        url = f"http://127.0.0.1:{closed}/tokeninfo?access_token={HOOK_URL.secret}"
        yield {
            "mail": {"conn_type": "smtp", **login, "password": HOOK.secret, "extra": plain},
            "mail_wrong": {"conn_type": "smtp", **login, "password": STORED.secret, "extra": plain},
            "mail_url": {"conn_type": "smtp", "host": f"smtp://x:{HOOK_URL.core}@127.0.0.1", "extra": plain},
            "http_url": {"conn_type": "http", "host": url, "extra": {"X-Key": f"{HOOK_EXTRA.core}\n"}},
            "aws": {
                "conn_type": "aws",
                "login": HOOK_LOGIN.core,
                "password": HOOK.secret,
                "extra": {"region_name": "eu-west-1", "endpoint_url": url, "aws_session_token": HOOK_EXTRA.core},
            },
            **{
                does: {
                    "conn_type": "hostile",
                    "host": f"postgres://loader:{HOOK_URL.core}@db.example.com/x",
                    "login": HOOK_LOGIN.secret,
                    "password": HOOK.secret,
                    "schema": does,
                    "extra": secret,
                }
                for does in TELLS
            },
        }
