"""DuckDB, without a database of a connection."""
