"""The authority whose certificates the imitations show; checks by a library on requests believe it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import trustme
from osiris_provider.hook_doctor.processes import servers

from tests.hooks.servers.programs import directory
from tests.servers.process import HOST

_VARIABLE = "REQUESTS_CA_BUNDLE"


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def context() -> ssl.SSLContext:
    """Return what a server on 127.0.0.1 shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert(HOST).configure_cert(context)
    return context


@contextmanager
def believed() -> Iterator[None]:
    """Have checks believe the authority, until the block ends."""
    before = os.environ.get(_VARIABLE)
    with directory("authority") as path:
        _authority().cert_pem.write_to_path(str(path / "ca.pem"))
        os.environ[_VARIABLE] = str(path / "ca.pem")
        # Those that run have the environment of before.
        servers().close()
        try:
            yield
        finally:
            servers().close()
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before
