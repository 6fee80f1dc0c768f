"""Extractors that read JSON over HTTP, page by page: one paginator for all, and JSON as Arrow."""
