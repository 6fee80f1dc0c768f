"""Family duckdb on real files."""
