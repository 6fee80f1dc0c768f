"""Airflow's own connections, of any type of an installed provider."""
