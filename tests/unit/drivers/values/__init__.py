"""Values on their way into a database: what fits a column, and what would be another value there."""

from __future__ import annotations

import pyarrow as pa
from osiris_provider.drivers.sql.config import Lossy
from osiris_provider.drivers.sql.values.constraints import ColumnConstraints
from osiris_provider.drivers.sql.values.sent import SentAs
from osiris_provider.drivers.sql.values.validate import fitting
from osiris_provider.errors import DataError


def refusal(column: pa.Array, limits: ColumnConstraints, *, lossy: Lossy = "error", sent_as: SentAs = "text") -> str:
    """Return why the first row does not go into a column of these limits; empty if it does.

    Before it another row without a value is checked, so that each error has to count.
    """
    batch = pa.record_batch([pa.concat_arrays([pa.nulls(1, column.type), column])], names=["v"])
    problem = None
    fitted = fitting(iter([batch]), "t", {"v": limits}, lossy=lossy, sent_as=sent_as)
    try:
        assert [one.num_rows for one in fitted] == [batch.num_rows]
    except DataError as error:
        problem = error
    if problem is None:
        return ""
    assert (problem.table, problem.column, problem.row) == ("t", "v", 2)
    return problem.message.removeprefix("Table t: column v, row 2 of the input: ").removesuffix(" Nothing was written.")
