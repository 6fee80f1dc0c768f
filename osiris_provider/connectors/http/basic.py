"""HTTP Basic (RFC 7617)."""

from __future__ import annotations

import base64


def basic(user: str, password: str) -> bytes:
    """Return user and password as HTTP Basic sends them."""
    return base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogatepass"))
