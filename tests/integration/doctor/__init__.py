"""Doctor of every family, and what it leaves behind."""
