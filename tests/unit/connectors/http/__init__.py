"""What the HTTP families share."""
