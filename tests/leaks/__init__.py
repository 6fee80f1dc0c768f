"""Passwords that stand out, in a running Airflow: nobody who may look anywhere sees one (CONN-011)."""
