"""Which URLs are clear about where they lead: all parsers agree on them, the one that connects included.

Parsers differ on backslashes, user info and control characters: one takes ``http://a\\@b/`` to host ``b``, another
connects to ``a``. A check by the first does not bind the second, so such a URL is refused wherever it comes from: a
connection's field, a config, a link to the next page, a redirect.
"""

from __future__ import annotations

import re

from osiris_provider.net.dns import is_encodable

_AUTHORITY = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\s\\/?#@:%\[\]<>\"^`{|}]+)(?::(?P<port>[0-9]{1,5}))?(?=[/?#]|$)",
    re.IGNORECASE,
)
_UNCLEAR = re.compile(r"[\\\x00-\x1f\x7f]")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


def authority_of(url: str) -> Origin | None:
    """Return scheme, host and port as they are written in an absolute URL; None if it is not clear about them.

    :param url: ``http://`` or ``https://``, without user info, backslashes and control characters.
    """
    match = _AUTHORITY.match(url)
    if match is None or _UNCLEAR.search(url):
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    return (scheme, host, port) if 0 < port < 65536 and is_encodable(host) else None
