"""What the connectors of SQL families share."""
