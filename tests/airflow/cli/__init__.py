"""``airflow osiris``: the command line of osiris within Airflow's."""
