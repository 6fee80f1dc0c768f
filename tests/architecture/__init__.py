"""What the package as a whole keeps to, and what its documents say of it."""
