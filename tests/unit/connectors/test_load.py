"""What takes its time to import is imported before the clock of a first check runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector

CODE = """
import json, sys
from osiris_provider.connectors import get_connector
connector = get_connector(sys.argv[1])
before = set(sys.modules)
connector.load()
print(json.dumps(sorted(set(sys.modules) - before)))
"""


ONE_TYPE = "osiris_provider.hook_doctor.types.services.smtp"


@pytest.mark.parametrize("family", family_names())
def test_conn_009_load_imports_what_a_check_needs(family: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, family], capture_output=True, text=True, check=True)
    wanted = {ONE_TYPE} if family == "airflow" else {*get_connector(family).libraries}
    assert wanted
    assert wanted <= set(json.loads(done.stdout))
