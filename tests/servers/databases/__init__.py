"""Throwaway MariaDB, MySQL and PostgreSQL."""
