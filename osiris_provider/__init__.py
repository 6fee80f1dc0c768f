"""Apache Airflow provider for Osiris connections, health checks and drivers."""

__version__ = "0.1.0"
