"""What a run keeps outside of Airflow: results of steps, incremental state, last known health."""
