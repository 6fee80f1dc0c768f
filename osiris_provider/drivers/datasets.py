"""What a step reads or writes outside of this package, named as OpenLineage names datasets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Dataset:
    """A table, a file, a resource of an API; or a query, whose tables are for a parser to find.

    :param namespace: where it lies, such as ``postgres://host:5432``. Holds no credentials.
    :param name: what it is called there, such as ``shop.public.orders``; empty for a query.
    :param query: the SQL.
    :param within: what stands before the name of a table in the query that does not say so: database and schema.
    """

    namespace: str
    name: str
    query: str | None = None
    within: tuple[str, ...] = ()


def table_name(within: Sequence[str], table: str) -> str:
    """Return the whole name of a table.

    :param within: database and perhaps schema, for what the name lacks.
    :param table: perhaps with a schema, or with a database and a schema.
    """
    parts = table.split(".")
    return ".".join([*within[: max(len(within) + 1 - len(parts), 0)], *parts])


def at_address(family: str, address: str, source: str) -> Dataset:
    """Return the dataset of a connection.

    :param family: of the connection, the scheme of a place without one.
    :param address: a URL, or ``host:port`` or the like.
    :param source: a table, or a path below the URL.
    """
    if "://" not in address:
        return Dataset(f"{family}://{address}", source)
    parts = urlsplit(address)
    path = "/".join(part.strip("/") for part in (parts.path, source) if part.strip("/"))
    return Dataset(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", path)


def of_uri(uri: str) -> Dataset:
    """Return the dataset of a file.

    :param uri: a path, or a URL such as ``s3://conn_id@bucket/path``.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("", "file", "local"):
        return Dataset("file", os.path.abspath(parts.path if parts.scheme else uri))
    return Dataset(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/"))
