"""A provider whose hooks do what no hook should, installed for the processes that this one starts."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.hook_doctor.processes import servers
from osiris_provider.net.deadline import Deadline

CANARY = "Canary9f1-Zq7"
"""The password, and a part of each other secret of the connections here."""
HOOKS = '''
import asyncio, ctypes, httpx, os, signal, sys, threading, time

from airflow.sdk import BaseHook

if os.environ.get("HOSTILE_IMPORT_STARTS_A_THREAD"):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def note(connection):
    with open(connection.extra_dejson["pids"], "a") as file:
        file.write(f"{os.getpid()}\\n")


def wait_for_note(connection):
    while open(connection.extra_dejson["pids"]).read().count("\\n") < 2:
        time.sleep(0.01)


def fine(connection):
    pass


def fails(connection):
    raise RuntimeError(f"login failed: {connection.password} {connection.extra}")


def fails_with_token_url(connection):
    raise RuntimeError(f"400 for https://www.googleapis.com/oauth2/v1/tokeninfo?access_token={connection.password}")


def fails_with_header(connection):
    raise ValueError(f"Invalid header value b'Bearer {connection.password}\\n'")


def fails_with_dsn(connection):
    raise OSError(2, f'could not translate host name "loader:{connection.password}@db.example.com" to address')


def fails_with_attributes(connection):
    error = RuntimeError("x")
    error.code = error.status = error.errno = error.sqlstate = error.reason = connection.password
    error.errors = [connection.password]
    raise error


def fails_with_class(connection):
    raise type(connection.password, (Exception,), {})("x")


def fails_with_chain(connection):
    try:
        fails_with_token_url(connection)
    except RuntimeError as error:
        raise KeyError(connection.password) from error


def succeeds_with_secret(connection):
    print(connection.password, file=sys.stderr)


def posts_password(connection):
    import requests

    requests.post(connection.extra_dejson["url"], json={"password": connection.password}).raise_for_status()


def asks_by_urllib(connection):
    from urllib.request import Request, urlopen

    urlopen(Request(connection.extra_dejson["url"], headers={"Authorization": connection.password}))


def posts_by_httpx(connection):
    httpx.post(connection.extra_dejson["url"], data={"secret": connection.password}, follow_redirects=True)


def posts_by_httpx_async(connection):
    client = httpx.AsyncClient(follow_redirects=True)
    asyncio.run(client.post(connection.extra_dejson["url"], data={"secret": connection.password}))


def asks_by_urllib3(connection):
    import urllib3

    urllib3.PoolManager().request("GET", connection.extra_dejson["url"], headers={"X-Key": connection.password})


def sleeps(connection):
    time.sleep(600)


def waits_in_c(connection):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    ctypes.PyDLL(None).sleep(600)


def forks(connection):
    if os.fork() == 0:
        note(connection)
        time.sleep(600)
    wait_for_note(connection)


def forks_and_hangs(connection):
    forks(connection)
    time.sleep(600)


def escapes(connection):
    """Leave the group, the session and the parent."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(connection)
            time.sleep(600)
        os._exit(0)
    wait_for_note(connection)


def escapes_and_hangs(connection):
    escapes(connection)
    time.sleep(600)


def closes_everything(connection):
    os.closerange(0, 1000)
    time.sleep(600)


def spams_output(connection):
    while True:
        os.write(1, connection.password.encode() * 1000)
        os.write(2, connection.password.encode() * 1000)


def spams_everything(connection):
    while True:
        for descriptor in range(1, 64):
            try:
                os.set_blocking(descriptor, False)
                os.write(descriptor, connection.password.encode() * 1000)
            except OSError:
                pass


def answers_itself(connection):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'{"fault": "' + connection.password.encode() + b'", "cause": "x"}\\n')
        except OSError:
            pass
    time.sleep(600)


def crashes(connection):
    os.kill(os.getpid(), signal.SIGSEGV)


def exits(connection):
    os._exit(0)


class HostileHook(BaseHook):
    conn_name_attr = "hostile_conn_id"
    conn_type = "hostile"
    hook_name = "Hostile"

    def __init__(self, hostile_conn_id="x"):
        super().__init__()
        self.hostile_conn_id = hostile_conn_id

    def test_connection(self):
        connection = self.get_connection(self.hostile_conn_id)
        note(connection)
        try:
            globals()[connection.schema](connection)
        except Exception as error:
            return False, str(error)
        return True, "fine"


class ThreadedHook(HostileHook):
    conn_type = "hostile_threads"


class UntestedHook(BaseHook):
    conn_name_attr = "hostile_conn_id"
    hook_name = "Untested"
    conn_type = "hostile_untested"

    def __init__(self, hostile_conn_id="x"):
        super().__init__()
        note(self.get_connection(hostile_conn_id))
'''
INFO = """
def info():
    return {
        "package-name": "hostile-provider",
        "name": "Hostile",
        "description": "Hooks that do what no hook should.",
        "versions": ["1.0"],
        "connection-types": [
            {"connection-type": "hostile", "hook-class-name": "hostile_hooks.HostileHook"},
            {"connection-type": "hostile_threads", "hook-class-name": "hostile_threads.ThreadedHook"},
            {"connection-type": "hostile_untested", "hook-class-name": "hostile_hooks.UntestedHook"},
            {"connection-type": "hostile_missing", "hook-class-name": "hostile_missing.Hook"},
        ],
    }
"""
THREADS = """
import threading, time

threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
from hostile_hooks import ThreadedHook
"""
ENTRY = "[apache_airflow_provider]\nprovider_info = hostile_info:info\n"
METADATA = "Metadata-Version: 2.1\nName: hostile-provider\nVersion: 1.0\n"


def install(directory: Path) -> None:
    """Write the provider into a directory, which has to be on PYTHONPATH."""
    about = directory / "hostile_provider-1.0.dist-info"
    about.mkdir(parents=True)
    files = {
        "hostile_hooks.py": HOOKS,
        "hostile_info.py": INFO,
        "hostile_threads.py": THREADS,
        "hostile_missing.py": "import no_such_library\n",
    }
    for name, text in {**files, f"{about.name}/METADATA": METADATA, f"{about.name}/entry_points.txt": ENTRY}.items():
        (directory / name).write_text(textwrap.dedent(text))


@contextmanager
def installed(directory: Path) -> Iterator[None]:
    """Have the processes of checks know the provider."""
    install(directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(directory), prepend=os.pathsep)
        servers().close()
        try:
            yield
        finally:
            servers().close()


class Checks:
    """Checks of such connections.

    :param pids: where the processes note their numbers.
    """

    def __init__(self, pids: Path) -> None:
        self.pids = pids

    def connection(self, does: str, conn_type: str = "hostile", **fields: Any) -> HookConnection:
        """Return a connection whose hook does something."""
        extra = {"pids": str(self.pids), "token": f"{CANARY}-token"}
        return HookConnection(
            "c", conn_type, host="db.example.com", password=CANARY, schema=does, extra=extra, **fields
        )

    def verdict(self, does: str, seconds: float, conn_type: str = "hostile") -> tuple[str, str, float]:
        """Return slug, message and seconds of a check."""
        self.pids.write_text("")
        began = time.monotonic()
        try:
            check_hook(self.connection(does, conn_type), Deadline(seconds))
        except ConnectorError as error:
            return error.fault.slug, str(error), time.monotonic() - began
        return "ok", "", time.monotonic() - began

    def noted(self) -> list[int]:
        """Return the processes that have noted themselves."""
        return [int(line) for line in self.pids.read_text().split()]

    def alive(self) -> list[int]:
        """Return those of them that there still are."""
        return [pid for pid in self.noted() if Path(f"/proc/{pid}").exists()]
