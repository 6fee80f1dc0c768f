"""What is noted while a hook runs: the exception that its test swallows, its TLS sessions, and certificates."""
