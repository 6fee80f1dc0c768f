"""Names that would be SQL."""
