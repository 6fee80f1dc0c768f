"""PostgreSQL, through psycopg2."""

from osiris_provider.connectors.postgres.connector import PostgresConnector

__all__ = ["PostgresConnector"]
