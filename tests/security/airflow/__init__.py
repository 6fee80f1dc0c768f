"""Airflow's API server, and connections of Airflow's types."""
