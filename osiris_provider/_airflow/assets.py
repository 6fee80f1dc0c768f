"""Assets that cost a DAG file nothing but themselves."""

from __future__ import annotations

from airflow.sdk import Asset


def table_asset(uri: str) -> Asset:
    """Return ``Asset(uri)``, without the import of what other providers have for URIs of theirs.

    To make sure how a URI is written, Airflow imports the handlers of all installed providers, boto3 among them: 0.4 s
    in each parse of a DAG file and at the start of each task. A scheme that begins with ``x-`` it takes as it is.

    :param uri: as :func:`~osiris_provider.pipelines.settings.asset_uri` writes it, which is how Airflow would write it.
    """
    asset = Asset(name=uri, uri=f"x-{uri}")
    # Past the converter, which would look for the handlers.
    object.__setattr__(asset, "uri", uri)
    return asset
