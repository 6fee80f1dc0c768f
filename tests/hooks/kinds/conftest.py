"""What tests of several kinds of hooks need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hooks.servers.authority import believed


@pytest.fixture(scope="module")
def without_proxies() -> Iterator[None]:
    """Have checks believe the authority, and ask no proxy."""
    with pytest.MonkeyPatch.context() as patch, believed():
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            patch.delenv(name, raising=False)
        yield
