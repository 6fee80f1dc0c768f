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
from tests.integration.sql.families import step_named


def written(path: Path, table: pa.Table, **config: Any) -> str:
    config["path"] = str(path / "out.csv")
    with step_named("w"):
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


DAY = 86_400
BEGIN, END = -719_528, 2_932_897
"""The days of 0000-01-01 and 10000-01-01, from 1970-01-01."""
MOMENTS = {
    pa.date32(): 1,
    pa.date64(): DAY * 1000,
    pa.timestamp("s"): DAY,
    pa.timestamp("ms", "UTC"): DAY * 1000,
    pa.timestamp("us"): DAY * 1_000_000,
}


@pytest.mark.parametrize(("dtype", "day"), MOMENTS.items(), ids=map(str, MOMENTS))
def test_the_years_0000_to_9999_are_written_and_no_other(tmp_path: Path, dtype: pa.DataType, day: int) -> None:
    step = day if dtype == pa.date64() else 1
    table = pa.table({"a": pa.array([BEGIN * day, END * day - step], dtype)})
    first, last = written(tmp_path, table).splitlines()[1:]
    assert (first[:10], last[:10]) == ("0000-01-01", "9999-12-31")
    for outside in (BEGIN * day - step, END * day):
        with pytest.raises(DataError, match="column a, row 1: CSV has dates"):
            written(tmp_path, pa.table({"a": pa.array([outside], dtype)}))


def test_nanoseconds_are_all_within(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([-(2**63) + 1, 2**63 - 1], pa.timestamp("ns"))})
    assert [line[:4] for line in written(tmp_path, table).splitlines()[1:]] == ["1677", "2262"]


def test_rows_are_counted_over_batches(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([0] * 65_536 + [10**7], pa.date32())})
    with pytest.raises(DataError, match="column a, row 65,537:"):
        written(tmp_path, table)


def test_a_moment_is_written_in_utc(tmp_path: Path) -> None:
    moments = pa.array([0, -2_500_000_000], pa.timestamp("s", "Europe/Prague"))
    assert written(tmp_path, pa.table({"a": moments})) == '"a"\n1970-01-01 00:00:00Z\n1890-10-11 19:33:20Z\n'
