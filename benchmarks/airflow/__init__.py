"""What we cost a running Airflow: starts, tasks, the triggerer, the page of health."""
