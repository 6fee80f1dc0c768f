"""Commands that ask the database of an Airflow's server."""
