"""Change the package in random small ways, and see whether its tests notice: ``scripts/test-mutants``."""

from __future__ import annotations

import argparse
import hashlib
import heapq
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from queue import SimpleQueue

from tests.examples import FIRST_FAILURE
from tests.mutants.mutate import Mutant, mutants
from tests.mutants.noticing import HOOKS, HOOKS_PYTHON, PACKAGE, TYPES, noticing
from tests.mutants.record import ROOT, listed, recorded
from tests.servers.templates import VARIABLE
from tests.worker_count import worker_count

HARMLESS = Path(__file__).with_name("harmless.txt")
LIMIT = 900.0
"""Seconds for the tests of one change. That they take longer is no failure: it may be the machine."""
PYTEST = ("-m", "pytest", "-x", "-v", "--no-header", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=60")
PASSED, UNKNOWN, NOTHING_RUN = 0, 4, 5
"""Exit codes of pytest: all passed; one that is asked for does not exist; there is none at all."""
MYPY, MYPY_CACHE = ("-m", "mypy", "--no-error-summary"), ".mypy_cache"
TEMPLATES = "templates"
_running: set[int] = set()
"""The processes that run tests now."""


@dataclass(frozen=True)
class Sampled:
    """A change of a module."""

    module: Path
    mutant: Mutant

    @property
    def name(self) -> str:
        """The module, the line and the change, as :data:`HARMLESS` has them: the same after others have moved it."""
        return f"{self.module.relative_to(ROOT)} | {self.mutant.text} | {self.mutant.change}"

    def __str__(self) -> str:
        return f"{self.module.relative_to(ROOT)}:{self.mutant.line}: {self.mutant.change}"


def sample(modules: list[str], size: int, seed: int) -> list[Sampled]:
    """Return a random sample of the changes of modules, without those that are known to do no harm.

    Each change has a lot of its own: what is written elsewhere in the package leaves the rest of a sample as it was.

    :param modules: files and folders of the package; none is all of it.
    """
    wanted = [ROOT / module for module in modules] or [PACKAGE]
    files = sorted({file for path in wanted for file in ([path] if path.is_file() else path.rglob("*.py"))})
    if not HOOKS_PYTHON.exists():
        # Half of them would survive for want of the tests.
        files = [file for file in files if TYPES not in file.parents]
    harmless = {line.rpartition(" | ")[0] for line in HARMLESS.read_text().splitlines() if not line.startswith("#")}
    actual = [Sampled(file, mutant) for file in files for mutant in mutants(file.read_bytes())]
    seen: Counter[str] = Counter()
    drawn = []
    for each in actual:
        seen[each.name] += 1
        if each.name not in harmless:
            lot = hashlib.sha256(f"{seed} {each.name} {seen[each.name]}".encode()).digest()
            drawn.append((lot, each))
    chosen = heapq.nsmallest(size, drawn, key=itemgetter(0))
    return sorted((each for _, each in chosen), key=str)


@contextmanager
def copies(number: int) -> Iterator[SimpleQueue[Path]]:
    """Yield copies of the working tree, each for one process at a time; beside them lie what all servers begin with."""
    names = listed()
    queue: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="osiris-mutants-") as directory:
        Path(directory, TEMPLATES).mkdir()
        for index in range(number):
            for name in names:
                target = Path(directory, str(index), name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target, follow_symlinks=False)
            queue.put(Path(directory, str(index)))
        yield queue


@dataclass(frozen=True)
class Outcome:
    """What became of the tests.

    :param failed: the first that failed, or what else ended them; empty if all passed.
    :param test: that test, by which pytest finds it again; empty if there is none, as when a module cannot be imported.
    :param doubt: why it does not show that the tests notice the change; empty if it does.
    """

    failed: str = ""
    test: str = ""
    doubt: str = ""


def run_tests(copy: Path, tests: list[str]) -> Outcome:
    """Run tests in a copy, up to the first that fails."""
    own = {"PYTHONPATH": str(copy), "HYPOTHESIS_PROFILE": FIRST_FAILURE, VARIABLE: str(copy.with_name(TEMPLATES))}
    environment = {**os.environ, **own}
    python = HOOKS_PYTHON if tests[0].startswith(HOOKS) else sys.executable
    command = [str(python), *PYTEST, *tests]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command, cwd=copy, env=environment, start_new_session=True, stdout=said, stderr=subprocess.DEVNULL
        ) as process,
    ):
        _running.add(process.pid)
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            return Outcome("they do not end", doubt=f"no test has failed in {LIMIT:.0f} s")
        finally:
            # Servers that a killed test has left are of its group.
            kill_group(process.pid)
            _running.discard(process.pid)
        said.seek(0)
        output = said.read()
    if code == NOTHING_RUN:
        message = f"None of {tests} has run."
        raise RuntimeError(message)
    if code == PASSED:
        return Outcome()
    functions = sorted({test.partition("[")[0] for test in tests})
    if code == UNKNOWN and functions != sorted(tests):
        # What a test is given from the package is in its name, and is another with the change.
        return run_tests(copy, functions)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
    test = last_test(output)
    return Outcome(failed[1] if failed else test or f"exit code {code}", test)


def last_test(output: str) -> str:
    """Return the test that was begun last, which is the one that failed; where it took too long, nothing else says so.

    :param output: of pytest, one line a test.
    """
    progress = re.split(r"^=+ (?:FAILURES|ERRORS) =+$", output, maxsplit=1, flags=re.MULTILINE)[0]
    begun = re.findall(r"^(tests/\S+\.py::.+?)(?: [A-Z]+ +\[ *\d+%\]| *)$", progress, re.MULTILINE)
    return str(begun[-1]) if begun else ""


def kill_group(pid: int) -> None:
    """Kill a process and its children, if there are any left."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def put_to_test(each: Sampled, stages: list[list[str]], copy: Path) -> Outcome:
    """Make a change in a copy, run its tests, take it back, and see that what failed passes again."""
    target = copy / each.module.relative_to(ROOT)
    source = target.read_bytes()
    outcome, tests = Outcome(), [""]
    try:
        write(target, each.mutant.applied(source))
        for tests in stages:
            outcome = run_tests(copy, tests)
            if outcome.failed:
                break
    finally:
        write(target, source)
    # Where none was begun, a module of tests cannot be imported because of the change; or pytest does not know a test.
    again = [outcome.test] if outcome.test else [*tests, "--collect-only"]
    if outcome.failed and not outcome.doubt and run_tests(copy, again).failed:
        # Not because of the change: the machine is too slow for it, or it fails now and then.
        return replace(outcome, doubt="it fails without the change, too")
    return outcome


def write(target: Path, source: bytes) -> None:
    """Write a module; what is compiled of it is known by a time in seconds only, and goes."""
    target.write_bytes(source)
    Path(importlib.util.cache_from_source(str(target))).unlink(missing_ok=True)


def say(*lines: str) -> None:
    """Print lines at once, from whatever thread."""
    print(*lines, sep="\n", flush=True)  # noqa: T201 - this is a command


def accepted(sampled: list[Sampled], workers: int) -> list[Sampled]:
    """Return the changes that the type check accepts: what it refuses is never committed, and no test has to see it.

    :raises RuntimeError: it refuses the package as it is.
    """
    with copies(workers) as free, ThreadPoolExecutor(workers) as pool:

        def is_accepted(each: Sampled) -> bool:
            copy = free.get()
            target = copy / each.module.relative_to(ROOT)
            source = target.read_bytes()
            try:
                write(target, each.mutant.applied(source))
                return has_types(copy)
            finally:
                write(target, source)
                free.put(copy)

        for copy in [free.get() for _ in range(workers)]:
            if (ROOT / MYPY_CACHE).exists():
                shutil.copytree(ROOT / MYPY_CACHE, copy / MYPY_CACHE)
            if not has_types(copy):
                message = "The type check fails without any change. scripts/check says where."
                raise RuntimeError(message)
            free.put(copy)
        return [each for each, passes in zip(sampled, pool.map(is_accepted, sampled), strict=True) if passes]


def has_types(copy: Path) -> bool:
    """Return whether the type check of a copy passes."""
    return subprocess.run([sys.executable, *MYPY], cwd=copy, capture_output=True, check=False).returncode == 0


def check(sampled: list[Sampled], stages: dict[Sampled, list[list[str]]], workers: int) -> list[Sampled]:
    """Run the tests for each change, print what becomes of it, and return those of which no test is known to notice.

    What is doubtful is tried again when the rest is done, one at a time: on a busy machine tests fail for want of time.
    """
    with copies(workers) as free, ThreadPoolExecutor(workers) as pool:

        def one(each: Sampled) -> Outcome:
            copy, began = free.get(), time.monotonic()
            try:
                outcome = put_to_test(each, stages[each], copy)
            finally:
                free.put(copy)
            took = f"{time.monotonic() - began:4.0f} s"
            if outcome.doubt:
                say(f"DOUBTFUL {took} {each}  [{outcome.failed}: {outcome.doubt}]")
            else:
                say(f"noticed  {took} {each}  [{outcome.failed}]" if outcome.failed else f"SURVIVED {took} {each}")
            return outcome

        try:
            outcomes = list(pool.map(one, sampled))
            final = [one(each) if first.doubt else first for each, first in zip(sampled, outcomes, strict=True)]
        except BaseException:
            # Tests have sessions of their own: what interrupts this process does not reach them.
            pool.shutdown(wait=False, cancel_futures=True)
            for pid in list(_running):
                kill_group(pid)
            raise
    return [each for each, last in zip(sampled, final, strict=True) if last.doubt or not last.failed]


def main() -> int:
    """Return 0 if the share of the changes that are noticed is as wanted."""
    parser = argparse.ArgumentParser(prog="scripts/test-mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="files or folders of the package; all of it if none is given")
    parser.add_argument("--sample", type=int, default=100, help="how many changes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=worker_count(), help="processes (default: %(default)s)")
    parser.add_argument("--wanted", type=float, default=95, help="per cent to be noticed (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    drawn = sample(options.modules, options.sample, options.seed)
    if not HOOKS_PYTHON.exists():
        say(f"Without {TYPES.relative_to(ROOT)}, whose tests need what scripts/test-hooks installs.")
    record = recorded()
    sampled = accepted(drawn, options.workers)
    say(
        f"{len(drawn) - len(sampled)} of {len(drawn)} changes are refused by the type check; the rest is for the tests."
    )
    # As they are now: who works on the tests meanwhile does not change the copies.
    stages = {each: noticing(record, each.module, each.mutant) for each in sampled}
    alive = check(sampled, stages, options.workers)
    rate = 100 * (1 - len(alive) / len(sampled)) if sampled else 100.0
    say(*(f"survived: {each}" for each in alive), f"{rate:.1f} % of {len(sampled)} changes noticed")
    return 0 if rate >= options.wanted else 1


if __name__ == "__main__":
    sys.exit(main())
