"""DuckDB, the embedded default: a database in one local file, no server."""

from osiris_provider.connectors.duckdb.connector import DuckDBConnector

__all__ = ["DuckDBConnector"]
