"""What the dependencies cost: python -m benchmarks.dependencies.

Prints, for each that pyproject.toml names, the CPU time of importing it in a new interpreter and its size on the disk.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution, requires
from pathlib import Path

TRIES = 5
MODULES = {
    "apache-airflow": "airflow.sdk",
    "apache-airflow-providers-common-compat": "airflow.providers.common.compat.sdk",
    "apache-airflow-providers-common-sql": "airflow.providers.common.sql.hooks.sql",
    "cryptography": "cryptography.hazmat.primitives.asymmetric.rsa",
    "psycopg2-binary": "psycopg2",
    "pyyaml": "yaml",
    "rich": "rich.console",
    "typing-extensions": "typing_extensions",
    "universal-pathlib": "upath",
}
"""What is imported of those whose module has another name."""


def import_ms(module: str) -> float:
    """Return the least CPU time of some imports, in milliseconds."""
    code = f"import time; t = time.process_time(); import {module}; print((time.process_time() - t) * 1000)"
    runs = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(TRIES))
    return min(float(run.stdout.split()[-1]) for run in runs)


def size_mb(name: str) -> float:
    """Return the size of a distribution's files, without compiled Python."""
    installed = distribution(name)
    paths = (Path(str(installed.locate_file(file))) for file in installed.files or [] if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


def main() -> None:
    """Print a line for each."""
    for requirement in requires("airflow-provider-osiris") or []:
        if "extra ==" not in requirement:
            name = re.split(r"[^A-Za-z0-9-]", requirement)[0]
            sys.stdout.write(f"{name:42} {import_ms(MODULES.get(name, name)):8.0f} ms {size_mb(name):8.1f} MB\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
