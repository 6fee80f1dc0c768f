"""Doctor's verdict on every fault of every family: right, in time, in plain words, as docs/doctor.md says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import FAMILIES, module_of, row, written_rows
from tests.faults.scenario import LATEST, TIMEOUT, Finding, Scenario

SIDE_BY_SIDE = 6
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


class _Findings:
    """What doctor says of the scenarios; those that use up its timeout are made side by side."""

    def __init__(self, worlds: dict[str, Any]) -> None:
        self._worlds = worlds
        self._silent: dict[Scenario[Any], Future[Finding]] = {}

    def of(self, family: str, scenario: Scenario[Any]) -> Finding:
        if scenario.fault != "timed_out":
            finding = scenario.run(self._worlds[family])
            # A check that a busy machine has kept waiting may be out of time before it knows more than that.
            return scenario.run(self._worlds[family]) if finding.fault == "timed_out" else finding
        if scenario not in self._silent:
            silent = [one for one in module_of(family).SCENARIOS if one.fault == "timed_out"]
            with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                self._silent |= {one: pool.submit(one.run, self._worlds[family]) for one in silent}
        return self._silent[scenario].result()


@pytest.fixture(scope="module")
def findings(worlds: dict[str, Any]) -> _Findings:
    return _Findings(worlds)


@pytest.mark.parametrize(("family", "scenario"), CASES, ids=[f"{family}-{case.name}" for family, case in CASES])
def test_conn_010_doctor_tells_faults_apart_in_time(family: str, scenario: Scenario[Any], findings: _Findings) -> None:
    finding = findings.of(family, scenario)
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
