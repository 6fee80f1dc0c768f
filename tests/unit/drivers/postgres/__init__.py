"""What goes to PostgreSQL, without a server."""
