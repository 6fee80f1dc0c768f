"""What databases have in common."""
