"""Connections that only Airflow knows, for a command that asks for one: the one place here that imports Airflow."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

PROCESS_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
"""The variable by which Airflow knows which connections a process may read; see its supervisor.py."""


@contextmanager
def server_side() -> Iterator[None]:
    """Have Airflow read connections from its database, as its own commands do, and no longer than a command runs."""
    added = PROCESS_CONTEXT not in os.environ
    os.environ.setdefault(PROCESS_CONTEXT, "server")
    try:
        yield
    finally:
        if added:
            del os.environ[PROCESS_CONTEXT]


def known_to_airflow(target: str, file: str | None) -> Mapping[str, Any]:
    """Return the resolved connection that Airflow knows from its database, the environment or a secrets backend.

    :param target: an Airflow connection id, or a reference.
    :param file: path of the connections file, for messages; None looks in the standard locations.
    :raises ConnectionNotFoundError: it does not know it either.
    :raises ConnectionConfigError: it knows it, but it is wrong.
    """
    with server_side(), _quiet():
        from osiris_provider.hooks.base import resolve

        return resolve(target, file=file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Airflow logs from stdout, which belongs to the result."""
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
