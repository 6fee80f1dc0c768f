"""CSV files as a step reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from osiris_provider.drivers.filesystem.drivers import CsvExtractor
from osiris_provider.testing.context import RecordingContext


def stream(path: Path, **config: Any) -> pa.RecordBatchReader:
    config["path"] = str(path)
    return CsvExtractor().run(step_id="r", config=config, inputs={}, ctx=RecordingContext())["data"]
