"""Drivers: the work of a step. They know nothing of Airflow."""

from osiris_provider.drivers.base import BaseDriver, Driver, Extractor, Writer
from osiris_provider.drivers.first_import import preload
from osiris_provider.drivers.registry import get_driver
from osiris_provider.drivers.step import RunContext, Step, StepConfig

__all__ = ["BaseDriver", "Driver", "Extractor", "RunContext", "Step", "StepConfig", "Writer", "get_driver", "preload"]
