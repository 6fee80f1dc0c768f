"""Doctor is in time when many ask at the same moment, in a process that has loaded nothing yet (CONN-009)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.peers import Peer, silent

ASKERS = 64
TIMEOUT = 0.5
LATEST = 0.25
ROOT = Path(__file__).parents[3]

PROGRAM = """\
import json, sys, threading, time
from osiris_provider.connectors import get_connector

askers, timeout, connection = json.loads(sys.argv[1])
connector = get_connector(connection["family"])
together = threading.Barrier(askers)
found = []

def ask():
    together.wait()
    started = time.monotonic()
    ok, verdict = connector.doctor(connection, timeout)
    found.append((time.monotonic() - started, verdict["category"]))

threads = [threading.Thread(target=ask) for _ in range(askers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([max(found)[0], sorted({category for _, category in found})]))
"""


def ask(connection: dict[str, Any]) -> tuple[float, list[str]]:
    """Return the seconds of the slowest answer in a fresh process, and the categories."""
    given = json.dumps([ASKERS, TIMEOUT, connection])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, given], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stderr == ""
    seconds, categories = json.loads(done.stdout)
    return seconds, categories


@pytest.mark.parametrize(
    "fields",
    [
        {"family": "mysql", "host": "127.0.0.1", "user": "u"},
        {"family": "mysql", "host": "127.0.0.1", "user": "u", "ssl_verify": True},
        {"family": "postgres", "host": "127.0.0.1", "user": "u"},
        {"family": "api", "base_url": "http://127.0.0.1"},
        {"family": "api", "base_url": "https://127.0.0.1"},
        {"family": "shopify", "shop_domain": "https://localhost", "access_token": "t"},
        {"family": "supabase", "url": "https://127.0.0.1", "anon_key": "t"},
        {"family": "duckdb", "path": ":memory:"},
    ],
    ids=lambda fields: "-".join(str(fields[name]).partition(":")[0] for name in fields if name != "user"),
)
def test_conn_009_in_time_although_all_ask_at_once(fields: dict[str, Any]) -> None:
    with Peer(silent) as peer:
        connection = dict(fields)
        for name in ("base_url", "shop_domain", "url"):
            if name in fields:
                connection[name] = f"{fields[name]}:{peer.port}"
        if "host" in fields:
            connection["port"] = peer.port
        # Whatever else keeps the machine busy may make one run late; a fault of ours makes all of them late.
        for _ in range(3):
            seconds, categories = ask(connection)
            if seconds <= TIMEOUT + LATEST:
                break
    assert seconds <= TIMEOUT + LATEST
    assert set(categories) <= ({"ok", "timeout"} if fields["family"] == "duckdb" else {"timeout"})
