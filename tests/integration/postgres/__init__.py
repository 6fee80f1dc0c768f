"""Family postgres on a real PostgreSQL server."""
