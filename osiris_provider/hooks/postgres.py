"""The hook of the postgres family."""

from __future__ import annotations

from osiris_provider.hooks.dbapi import OsirisDbApiHook


class OsirisPostgresHook(OsirisDbApiHook):
    """PostgreSQL, through psycopg2.

    :param postgres_conn_id: an Airflow connection id, or a reference such as ``@postgres.default``.
    """

    family = "postgres"
    conn_type = "osiris_postgres"
    conn_name_attr = "postgres_conn_id"
    default_conn_name = "osiris_postgres_default"
    hook_name = "Osiris PostgreSQL"
    sqlalchemy_driver = "postgresql+psycopg2"
    supports_autocommit = True
