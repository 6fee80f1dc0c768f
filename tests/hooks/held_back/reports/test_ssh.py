"""Faults of SSH and SFTP as users report them, in the order in which a search finds the reports, without a choice.

A part of the sixth held-back set; its figures are in test_services.py.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest
from osiris_provider.hook_doctor import HookConnection

from tests.faults.peers import closed_port, unanswered_port
from tests.hooks.case import PASSWORD, Served
from tests.hooks.held_back.peers import SSH_BANNER, Peer, expect, listening, peer_of, scripted
from tests.hooks.held_back.reports.test_services import UNKNOWN_HOST
from tests.hooks.servers.real import ssh
from tests.servers.process import HOST

Change = dict[str, Any]

BY_PASSWORD = {"no_host_key_check": True, "look_for_keys": False}
# In one line, and its line breaks are a backslash and an n.
FLAT_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAA\\n-----END OPENSSH PRIVATE KEY-----"
SSH: dict[str, tuple[str, Peer, Change, str]] = {
    "refuses": ("sftp", closed_port, {}, "network"),
    "does not answer": ("ssh", unanswered_port, {}, "timeout"),
    "hangs up after the banner": ("ssh", lambda: scripted(SSH_BANNER), {}, "network"),
    "is not known by name": ("ssh", closed_port, {"host": UNKNOWN_HOST}, "network"),
    "hangs up after the login": ("ssh", lambda: listening(hangs_up_after_the_login), {}, "network"),
}


def disconnect(transport: Any, paramiko: Any) -> int:
    """Say good-bye, as RFC 4253 has it, and return what is too late to be said."""
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_DISCONNECT)
    message.add_int(BY_APPLICATION)
    message.add_string("Only SFTP")
    message.add_string("en")
    transport._send_message(message)  # noqa: SLF001 - nothing else sends it
    return int(paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)


BY_APPLICATION = 11


def hangs_up_after_the_login(client: socket.socket) -> None:
    """Take any password, and no session."""
    paramiko = import_module("paramiko")
    transport = paramiko.Transport(client)
    transport.add_server_key(paramiko.ECDSAKey.generate())
    server = paramiko.ServerInterface()
    server.get_allowed_auths = lambda _: "password"
    server.check_auth_password = lambda *_: paramiko.AUTH_SUCCESSFUL
    server.check_channel_request = lambda *_: disconnect(transport, paramiko)
    transport.start_server(threading.Event(), server)
    transport.join()


@pytest.mark.parametrize("situation", SSH)
def test_ssh_that(situation: str) -> None:
    conn_type, peer, change, expected = SSH[situation]
    with peer_of(peer) as port:
        plain = HookConnection("shell", conn_type, HOST, "loader", PASSWORD, port, None, BY_PASSWORD)
        expect(replace(plain, **change), expected)


SSHD: dict[str, tuple[Callable[[], AbstractContextManager[Served]], Change, str]] = {
    "opens no session": (lambda: ssh("ssh", "MaxSessions 0"), {}, "permission"),
    "gets a key in one line": (lambda: ssh("ssh"), {"private_key": FLAT_KEY}, "unknown"),
    "has no program for SFTP": (
        lambda: ssh("sftp", subsystem="Subsystem sftp /nowhere/sftp-server"),
        {},
        "permission",
    ),
    "shows a key that is not known": (lambda: ssh("sftp"), {"no_host_key_check": False}, "network"),
}


@pytest.mark.parametrize("situation", SSHD)
def test_openssh_that(situation: str) -> None:
    serve, extra, expected = SSHD[situation]
    with serve() as served:
        expect(replace(served.connection, extra={**served.connection.extra, **extra}), expected)


def test_openssh_with_too_many_logins_under_way() -> None:
    with ssh("ssh", "MaxStartups 1") as served, closing(begun_login(served.connection.port or 0)):
        expect(served.connection, "network")


def begun_login(port: int) -> socket.socket:
    """Return a client that the server has greeted, once it has noticed that the one before it is gone."""
    for _ in range(100):
        client = socket.create_connection((HOST, port))
        if client.recv(4) == b"SSH-":
            return client
        client.close()
        time.sleep(0.1)
    message = "The server takes no client."
    raise AssertionError(message)
