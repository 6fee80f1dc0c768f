"""Airflow hooks, one a family."""
