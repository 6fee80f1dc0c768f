"""The connections file: references, resolving, what is secret."""
