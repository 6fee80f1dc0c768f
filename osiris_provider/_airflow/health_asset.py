"""The Airflow asset of a connection: the name under which its checks are kept as events."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from osiris_provider.connections.reference import NAME

RECOVERED = "/recovered"
"""What follows the URI of a connection's asset in that of its recoveries."""
MAX_ALIAS = 250
"""Characters; Airflow's connection ids have no more."""

_URI = re.compile(rf"osiris://({NAME.pattern})/([A-Za-z0-9_.~%-]+)")


def health_asset_uri(family: str, alias: str) -> str:
    """Return the URI of a connection's asset, such as ``osiris://mysql/default``.

    :param family: of the connection.
    :param alias: of the connection; what a URI cannot hold is percent-encoded.
    """
    return f"osiris://{family}/{quote(alias, safe='')}"


def parse_health_asset_uri(uri: object) -> tuple[str, str] | None:
    """Return the family and alias of an asset that holds checks; None for any other URI.

    Anyone who may create assets may write such URIs. Only what :func:`health_asset_uri` writes is taken: not tables
    (three parts), recoveries, other spellings of the same name, or aliases that a page or a terminal would not print.

    :param uri: of an asset.
    """
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        return None
    family, alias = match[1], unquote(match[2])
    is_ours = alias.isprintable() and len(alias) <= MAX_ALIAS and health_asset_uri(family, alias) == uri
    return (family, alias) if is_ours else None
