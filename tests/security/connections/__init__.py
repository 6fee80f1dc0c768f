"""The connections file, and connections that were read from it."""
