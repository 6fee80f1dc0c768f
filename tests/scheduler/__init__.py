"""What only a scheduler shows: runs that fail, are cleared, stopped and deleted. Started by scripts/test-scheduler."""
