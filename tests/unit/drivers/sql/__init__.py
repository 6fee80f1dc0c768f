"""What the drivers of all SQL families share, without a server."""
