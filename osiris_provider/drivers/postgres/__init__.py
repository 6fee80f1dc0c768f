"""PostgreSQL: extractor and writer."""
