"""Doctor's verdict on every fault of every family: right, in time, in plain words, as docs/doctor.md says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import FAMILIES, module_of, row, written_rows
from tests.faults.scenario import LATEST, TIMEOUT, Scenario

CASES = [(family, scenario) for family in FAMILIES for scenario in module_of(family).SCENARIOS]


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, Any]]:
    """The families' servers, started when the first of a family's scenarios asks for them."""
    with ExitStack() as stack:
        yield _Worlds(stack)


class _Worlds(dict[str, Any]):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, family: str) -> Any:
        directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        # The servers' users read the certificates.
        directory.chmod(0o755)
        self[family] = self._stack.enter_context(module_of(family).world(directory))
        return self[family]


@pytest.mark.parametrize(("family", "scenario"), CASES, ids=[f"{family}-{case.name}" for family, case in CASES])
def test_conn_010_doctor_tells_faults_apart_in_time(
    family: str, scenario: Scenario[Any], worlds: dict[str, Any]
) -> None:
    finding = scenario.run(worlds[family])
    assert finding.fault in (scenario.fault, scenario.newer), finding.verdict
    assert finding.seconds <= TIMEOUT + LATEST
    message = finding.verdict["message"]
    assert len(message) < 300
    assert not set("[]{}") & set(message)
    if finding.fault == scenario.fault:
        assert row(finding) in written_rows(family), "run: python -m tests.faults"


def test_no_fault_of_the_page_is_gone() -> None:
    for family in FAMILIES:
        names = {scenario.name for scenario in module_of(family).SCENARIOS}
        written = {line.split(" | ")[0].removeprefix("| ") for line in written_rows(family)}
        assert written - {"fault"} == names
