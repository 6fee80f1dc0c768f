"""Health of connections as people see it."""
