"""What only a scheduler shows: runs that fail, are cleared and are deleted. Started by scripts/test-scheduler."""
