"""Where an error about a pipeline is: its file, line, step and field, which programs read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from osiris_provider.errors import OsirisError
from osiris_provider.pipelines.folder import find_pipelines
from osiris_provider.pipelines.pipeline import load_pipeline
from osiris_provider.pipelines.run.given import given_data
from osiris_provider.pipelines.run.plan import param_values, planned_steps
from osiris_provider.pipelines.starter import write_starter
from osiris_provider.pipelines.templates import render

from tests.unit.pipeline_files import ORDERS, loaded, write_pipeline
from tests.unit.pipelines.test_given import AFTER_2262, legacy

FILE = "orders.yaml"


def _of_two_kinds_of_times(folder: Path) -> None:
    fine, far = pa.array([1], pa.timestamp("ns")), pa.array([AFTER_2262], pa.timestamp("us"))
    given_data("s", legacy(folder, fine=fine, far=far))


CASES: dict[str, tuple[Callable[[Path], object], str | None, int | None, str | None, str | None]] = {
    "no given file": (lambda folder: given_data("s", folder / "no.csv"), "no.csv", None, "s", None),
    "times": (_of_two_kinds_of_times, "given.parquet", None, "s", None),
    "template": (lambda _: render({"a": ["{{ nothing }}"]}, {"ds": "2026-01-01"}, "s"), None, None, "s", None),
    "until": (lambda folder: planned_steps(loaded(folder), {}, "stor"), FILE, None, "stor", None),
    "given": (lambda folder: planned_steps(loaded(folder), {"orer": 1}, None), FILE, None, "orer", None),
    "param": (lambda folder: param_values(loaded(folder), {"n": 1}), FILE, None, None, "params"),
    "no folder": (lambda folder: find_pipelines(folder / "no"), "no", None, None, None),
    "starter": (lambda folder: [write_starter(folder / "new") for _ in range(2)], "new", None, None, None),
    "step": (
        lambda folder: load_pipeline(write_pipeline(folder, ORDERS.replace("replace}", "replac}"))),
        *(FILE, 14, "store", "steps.2.config.write_mode"),
    ),
    "pipeline": (
        lambda folder: load_pipeline(write_pipeline(folder, ORDERS.replace("owner", "ower"))),
        *(FILE, 2, None, "ower"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_has_its_location(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raises, file, line, step, field = CASES[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OsirisError) as raised:
        raises(tmp_path)
    error = raised.value
    path = None if file is None else str(tmp_path / file)
    assert (error.file, error.line, error.step, error.field) == (path, line, step, field)
