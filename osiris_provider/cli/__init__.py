"""The command line: ``osiris connections list | doctor | validate | schema``. It never imports Airflow."""
