"""Files of others, and files that others may read."""
