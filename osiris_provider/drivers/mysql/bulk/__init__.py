"""How rows get into MySQL in great number."""
