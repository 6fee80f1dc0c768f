"""The server from which checks are forked, without a check."""

from __future__ import annotations

import subprocess
import sys

import pytest

WAITS = """
import os, signal, socket
from osiris_provider.hook_doctor import kernel, server

def kill_itself_later():
    if os.fork() == 0:
        signal.sigtimedwait([], 0.1)
        os.kill(parent, signal.SIGCHLD)
        os._exit(0)

server.IDLE_SECONDS = {idle}
parent = os.getpid()
ours, theirs = socket.socketpair()
{before}
server.Server(theirs, None, None).run()
"""


@pytest.mark.parametrize(
    ("idle", "before"),
    [(0.3, ""), (0.3, "kill_itself_later()"), (600, "ours.close()")],
    ids=["nothing comes", "a process has ended", "its parent has ended"],
)
def test_a_server_with_nothing_to_do_ends(idle: float, before: str) -> None:
    code = WAITS.format(idle=idle, before=before)
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
