"""Passwords that stand out, in a running Airflow: no one who may look anywhere sees one (CONN-011)."""
