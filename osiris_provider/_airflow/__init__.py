"""Where this package touches Airflow's own machinery: versions, the running task, lineage."""
