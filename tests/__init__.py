"""Tests of airflow-provider-osiris."""
