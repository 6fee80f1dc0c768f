"""What a table holds is in the CSV file that is written from it, or an error says what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.filesystem.drivers import CsvWriter
from osiris_provider.errors import DataError
from osiris_provider.testing.context import RecordingContext

from tests.field.filesystem.csv_files import stream


def written(path: Path, table: pa.Table, **config: Any) -> str:
    config["path"] = str(path / "out.csv")
    CsvWriter().run(step_id="w", config=config, inputs={"e": {"data": table}}, ctx=RecordingContext())
    return (path / "out.csv").read_bytes().decode()


def test_null_and_empty_text_are_different(tmp_path: Path) -> None:
    table = pa.table({"a": ["x", None, ""]})
    assert written(tmp_path, table) == '"a"\n"x"\n\n""\n'
    assert stream(tmp_path / "out.csv").read_all().equals(table)


def test_formulas_are_escaped_on_demand(tmp_path: Path) -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1", None, "'"]
    table = pa.table({"=a": cells, "n": range(-4, 5)})
    assert "'" not in written(tmp_path, table).replace('"\'"', "")
    written(tmp_path, table, escape_formulas=True)
    actual = stream(tmp_path / "out.csv").read_all()
    assert actual.to_pydict() == {
        "'=a": ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x=1", None, "'"],
        "n": list(range(-4, 5)),
    }


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([None, -1_000_000], pa.date32()), "column a, row 2"),
        (pa.array([None, 3_000_000], pa.date32()), "column a, row 2"),
        (pa.array([None, 2**62], pa.timestamp("us")), "column a, row 2"),
        (pa.array([None, -(2**62)], pa.timestamp("s", "UTC")), "column a, row 2"),
        (pa.array([None, [1]]), "column a .*list"),
        (pa.array([None, {"x": 1}]), "column a .*struct"),
        (pa.array([None, (1, 2, 3)], pa.month_day_nano_interval()), "column a .*interval"),
    ],
)
def test_what_csv_cannot_carry_is_refused(tmp_path: Path, column: pa.Array, said: str) -> None:
    with pytest.raises(DataError, match=f"Step w: .*{said}"):
        written(tmp_path, pa.table({"a": column}))
    assert not (tmp_path / "out.csv").exists()


def test_a_moment_is_written_in_utc(tmp_path: Path) -> None:
    moments = pa.array([0, -2_500_000_000], pa.timestamp("s", "Europe/Prague"))
    assert written(tmp_path, pa.table({"a": moments})) == '"a"\n1970-01-01 00:00:00Z\n1890-10-11 19:33:20Z\n'
