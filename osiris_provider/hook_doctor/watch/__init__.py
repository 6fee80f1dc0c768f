"""What is taken note of while a hook runs: the exception that its test swallows, and its sessions of TLS."""
