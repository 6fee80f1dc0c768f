"""A pipeline with parameters; the file that Airflow reads is a link to this one."""

from pathlib import Path

from osiris_provider.airflow_dags import OsirisDag

dag = OsirisDag(Path(__file__).resolve().with_name("form_of_params.yaml"))
