"""Types of DuckDB."""
