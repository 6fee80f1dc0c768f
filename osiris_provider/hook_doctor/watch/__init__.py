"""What is watched while a hook runs: exceptions that its test swallows, TLS sessions, certificates, and redirects."""
