"""DuckDB: extractor, processor and writer."""
