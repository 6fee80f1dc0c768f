"""Airflow secrets backends."""
