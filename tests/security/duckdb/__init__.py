"""Database files of others."""
