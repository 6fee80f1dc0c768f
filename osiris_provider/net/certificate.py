"""When a certificate expires, read from its DER.

Python's ``ssl`` tells that only of certificates that it has verified, and doctor also reports on lines that are
encrypted without. The ``cryptography`` library warns about certificates that TLS accepts, such as those that MariaDB
makes for itself, will refuse them one day, and takes 50 ms to import: in the middle of a check.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_BEFORE_VALIDITY: Final = 3
"""Serial number, signature algorithm and issuer (RFC 5280, 4.1)."""


def not_after(der: bytes) -> datetime:
    """Return the last moment of a certificate, in UTC.

    :param der: the certificate.
    :raises ValueError: it is none.
    """
    _, start, _ = _element(der, 0)
    _, start, _ = _element(der, start)
    tag, _, end = _element(der, start)
    at = end if tag == _VERSION else start
    for _ in range(_BEFORE_VALIDITY):
        at = _element(der, at)[2]
    _, start, _ = _element(der, at)
    _, _, start = _element(der, start)
    tag, start, end = _element(der, start)
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: 50 to 99 are of the last century (RFC 5280, 4.1.2.5.1).
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _element(der: bytes, start: int) -> tuple[int, int, int]:
    """Return the tag of an element of DER, and where its content begins and ends.

    :raises ValueError: it does not fit into the data.
    """
    head = der[start : start + 2]
    if len(head) < 2:
        message = "the data ends too early"
        raise ValueError(message)
    tag, size = head
    start += 2
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(der[start : start + count], "big")
        start += count
    if start + size > len(der):
        message = "an element is longer than the data"
        raise ValueError(message)
    return tag, start, start + size
