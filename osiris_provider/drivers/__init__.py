"""Drivers: the work of a step. They know nothing of Airflow."""

from osiris_provider.drivers.base import Driver
from osiris_provider.drivers.registry import get_driver

__all__ = ["Driver", "get_driver"]
