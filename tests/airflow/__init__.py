"""The package inside a real Airflow: its metadata database, its task runner, its providers manager."""
