"""Files of staging and state, reached through Airflow and the connections that their URLs name."""

from __future__ import annotations

from typing import Any

from airflow.sdk import ObjectStoragePath

from osiris_provider.storage.files import path_of


def open_path(url: str) -> Any:
    """Return the path of a URL, such as ``s3://conn_id@bucket/path``.

    :raises ConnectionConfigError: it is no URL, and no absolute path.
    :raises MissingPackageError: nothing that is installed can reach it.
    """
    return path_of(url, ObjectStoragePath)
