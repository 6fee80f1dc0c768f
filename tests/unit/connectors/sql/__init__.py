"""What the SQL families share."""
