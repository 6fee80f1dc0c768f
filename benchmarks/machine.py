"""On what and with what was measured, and tables of it for docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "adbc-driver-postgresql",
    "apache-airflow",
    "connectorx",
    "dlt",
    "duckdb",
    "pandas",
    "pgpq",
    "psycopg2-binary",
    "pyarrow",
    "pymysql",
    "sling",
    "sqlalchemy",
)
"""Ours and the peers' distributions; the versions of those that are installed are told."""


def markdown_table(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a section of a document with a table; our own lines stand out."""
    rows = [heads, ("---", *["---:"] * (len(heads) - 1)), *map(_emphasised, lines)]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _emphasised(line: Sequence[str]) -> Sequence[str]:
    return [f"**{cell}**" if cell else "" for cell in line] if line[0].startswith("osiris") else line


def machine_and_versions() -> str:
    """Return on what was measured, with what, and how busy it was."""
    return (
        f"Everything shares the machine: {machine()}; its load average when this was written: {load()}.\n{versions()}."
    )


def machine() -> str:
    """Return processors, memory and system."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    model = next(
        (line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line), ""
    )
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores{f' ({model})' if model else ''}, {pages / 2**30:.0f} GiB of memory, {platform.system()}"


def load() -> str:
    """Return the load average; the longest of the three tells best whether somebody else was at work."""
    # We are about one and a half of it.
    return f"{os.getloadavg()[2]:.1f}"


def versions() -> str:
    """Return Python's version and those of the packages that are installed."""
    installed = {name: said for name in _PACKAGES if (said := _version(name))}
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {said}" for name, said in installed.items())])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _read(path: str) -> str:
    return Path(path).read_text() if os.path.exists(path) else ""
