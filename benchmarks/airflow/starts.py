"""What this package adds to every start of Airflow, and to every DAG file: ``python -m benchmarks.airflow.starts``.

Two virtual environments with the same packages are made, one of them without this package. Commands are run in both in
turn, so that whatever else the machine does slows down both. Medians of processor time (user and system, of the
process and its children) are compared; those of wall time are printed too.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15
COLUMNS = "{:22} {:10} {:>9} {:>9} {:>10} {:>8}"
SDK = "import airflow.sdk"
OPERATOR = f"{SDK}, osiris_provider.operators.osiris"

Times = tuple[float, float]


def make_environments(directory: Path) -> tuple[Path, Path]:
    """Make an environment without this package and one with it; return their directories.

    :param directory: to make them in.
    """
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "uv"], check=True)
    uv = [sys.executable, "-m", "uv", "--quiet"]
    environments = []
    for name in ("without", "with"):
        venv = directory / name
        subprocess.run([*uv, "venv", "--python", sys.executable, str(venv)], check=True)
        install = [
            "pip",
            "install",
            "--python",
            str(venv),
            "--compile-bytecode",
            "--constraint",
            "requirements/test.txt",
        ]
        subprocess.run([*uv, *install, "."], cwd=ROOT, check=True)
        environments.append(venv)
    subprocess.run([*uv, "pip", "uninstall", "--python", str(environments[0]), "airflow-provider-osiris"], check=True)
    return environments[0], environments[1]


def measure(command: Sequence[str], directory: Path) -> Times:
    """Run a command; return its processor time and its wall time in seconds.

    :param command: program and arguments.
    :param directory: to run it in.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    env["AIRFLOW_HOME"] = str(directory)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env, cwd=directory)
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took


def compare(name: str, one: Sequence[str], other: Sequence[str], directory: Path, rounds: int) -> None:
    """Run two commands in turn and print how much the other costs more.

    :param name: of the line that is printed.
    :param one: program and arguments.
    :param other: the same.
    :param directory: to run them in.
    :param rounds: of both; one more, before, does not count.
    """
    pairs = [(measure(one, directory), measure(other, directory)) for _ in range(rounds + 1)][1:]
    for kind, label in enumerate(("processor", "wall")):
        base, more = median(pair[0][kind] for pair in pairs), median(pair[1][kind] for pair in pairs)
        added = median(pair[1][kind] - pair[0][kind] for pair in pairs)
        say(name, label, f"{base:.2f} s", f"{more:.2f} s", f"{1000 * added:+.0f} ms", f"{100 * added / base:+.1f} %")


def say(*cells: str) -> None:
    """Write a line of the table.

    :param cells: one for each column.
    """
    sys.stdout.write(COLUMNS.format(*cells) + "\n")
    sys.stdout.flush()


def main(rounds: int = ROUNDS) -> None:
    """Make the environments, measure, print."""
    with tempfile.TemporaryDirectory(prefix="osiris-starts-") as folder:
        directory = Path(folder)
        without, have = make_environments(directory)
        say("", "median of", "without", "with", "added", "")
        one, other = ([str(venv / "bin" / "airflow"), "version"] for venv in (without, have))
        compare("airflow version", one, other, directory, rounds)
        python = str(have / "bin" / "python")
        compare("import the operator", [python, "-c", SDK], [python, "-c", OPERATOR], directory, rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
