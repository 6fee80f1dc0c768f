"""No work begins after a task was killed, but what cleans up behind it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from osiris_provider.net import killed
from osiris_provider.net.killed import StoppedError


@pytest.fixture(autouse=True)
def task() -> Iterator[None]:
    yield
    killed.kill(lambda: False)


def test_without_a_kill_all_goes_on() -> None:
    killed.check()


def test_no_work_begins_in_any_thread_while_the_killed_task_lasts() -> None:
    lasts = True
    killed.kill(lambda: lasts)
    with pytest.raises(StoppedError):
        killed.check()
    with ThreadPoolExecutor(1) as pool, pytest.raises(StoppedError):
        pool.submit(killed.check).result()
    lasts = False
    killed.check()


def test_what_cleans_up_works_all_the_same() -> None:
    killed.kill(lambda: True)
    with killed.exempt():
        killed.check()
    with pytest.raises(StoppedError):
        killed.check()


FORKS = """\
import os
from osiris_provider.net import killed
killed.kill(lambda: True)
child = os.fork()
if not child:
    killed.check()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_was_not_killed() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert done.stdout == "7\n"


def test_only_what_the_main_thread_does_is_broken_off() -> None:
    killed.break_off()
    with killed.breakable():
        with pytest.raises(StoppedError):
            killed.break_off()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(killed.break_off).result()
    killed.break_off()


def test_what_another_thread_does_is_not_breakable() -> None:
    with ThreadPoolExecutor(1) as pool:
        inside = killed.breakable()
        pool.submit(inside.__enter__).result()
        killed.break_off()
        pool.submit(inside.__exit__, None, None, None).result()
