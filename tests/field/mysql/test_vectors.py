"""VECTOR of MySQL: what is read is a list of floats, and what is written is the same list, or an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osiris_provider.drivers.mysql.bulk.vectors import with_vectors
from osiris_provider.drivers.sql.tables import Column
from osiris_provider.errors import DataError

from tests.integration.mysql.test_drivers import MySQLFamily
from tests.integration.sql.families import Connection
from tests.servers import Address, MySQLFamilyServer
from tests.servers.kinds import ONLY_MYSQL

VECTORS: list[Any] = [[1.0, -2.5, 0.10000000149011612], None, [0.0, 3.4028234663852886e38, -0.0]]
LISTS = pa.array(VECTORS, pa.list_(pa.float32()))
FORMS = [
    LISTS,
    LISTS.cast(pa.list_(pa.float64())),
    LISTS.cast(pa.large_list(pa.float32())),
    pa.array(VECTORS, pa.list_(pa.float32(), 3)),
    pa.array([value and json.dumps(value) for value in VECTORS]),
    pa.array([value and json.dumps(value) for value in VECTORS]).dictionary_encode(),
    pa.array([value and np.array(value, "<f4").tobytes() for value in VECTORS]),
]
WRONG: list[Any] = [
    pa.array([[1.0], [1.0, None]]),
    pa.array([[1.0], [float("nan")]]),
    pa.array([[1.0], [1e39]]),
    # Four or eight characters would be taken for the bytes of one or two numbers.
    pa.array(["[1]", "abcd"]),
    pa.array(["[1]", "[1, 2, true]"]),
    pa.array(["[1]", f"[1{'0' * 400}]"]),
    pa.array([None, 1234]),
    pa.array([None, ["1.5"]]),
    pa.array([None, [[1.0]]]),
]
floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@ONLY_MYSQL
class TestMySQLVectors(MySQLFamily):
    @pytest.fixture(autouse=True)
    def _has_vectors(self, mysql_family: MySQLFamilyServer, address: Address) -> Iterator[None]:
        if mysql_family.version() < (9,):
            pytest.skip("VECTOR came with MySQL 9")
        self.execute(address, "CREATE TABLE target (id INT PRIMARY KEY, v VECTOR(3))", "SET GLOBAL local_infile = ON")
        yield
        self.execute(address, "SET GLOBAL local_infile = DEFAULT")

    @pytest.mark.parametrize("engine", ["binary", "cursor"])
    def test_a_vector_is_read_as_a_list_of_floats(self, connection: Connection, address: Address, engine: str) -> None:
        self.execute(
            address,
            "INSERT INTO target VALUES (1, STRING_TO_VECTOR('[1, -2.5, 0.1]')), (2, NULL), "
            "(3, STRING_TO_VECTOR('[0, 3.4028234663852886e38, -0]'))",
        )
        query = "SELECT v FROM target ORDER BY id"

        read = self.extract(connection, query, engine=engine)
        texts = self.extract(connection, query, engine=engine, text_columns=["v"])

        assert read.schema.equals(pa.schema([("v", pa.list_(pa.float32()))]))
        assert read["v"].to_pylist() == VECTORS
        assert [value and json.loads(value) for value in texts["v"].to_pylist()] == VECTORS

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    @pytest.mark.parametrize("mode", ["append", "replace", "upsert"])
    def test_a_list_is_written_as_a_vector(self, connection: Connection, mode: str, engine: str) -> None:
        for number, form in enumerate(FORMS):
            data = pa.table({"id": [number * 10 + row for row in range(len(form))], "v": form})
            self.write(connection, data, engine=engine, write_mode=mode, primary_key=["id"])

            read = self.extract(connection, "SELECT v FROM target WHERE id >= %s ORDER BY id", params=[number * 10])

            assert read["v"].to_pylist() == VECTORS, form.type

    @pytest.mark.parametrize("engine", ["load_data", "insert"])
    def test_what_is_no_vector_is_an_error_with_its_row(
        self, connection: Connection, address: Address, engine: str
    ) -> None:
        for values in WRONG:
            data = pa.table({"id": [1, 2], "v": values})

            with pytest.raises(DataError, match=r"column v, row 2 of the input: .* VECTOR"):
                self.write(connection, data, engine=engine)

            assert self.rows(address) == 0, values


@given(st.lists(st.one_of(st.none(), st.lists(floats, max_size=5)), min_size=1, max_size=8), st.integers(0, 3))
@example([[1.0], None, [], [2.0, 3.0]], 1)
def test_every_list_becomes_its_bytes(lists: list[list[float] | None], cut: int) -> None:
    batch = pa.record_batch({"v": pa.array(lists, pa.list_(pa.float32()))}).slice(min(cut, len(lists) - 1))

    (written,) = with_vectors(iter([batch]), "t", [Column("v", False, kind="vector")])

    expected = [None if value is None else np.array(value, "<f4").tobytes() for value in batch.to_pydict()["v"]]
    assert written.column(0).to_pylist() == expected
    written.validate(full=True)


def test_other_columns_stay_as_they_are() -> None:
    batch = pa.record_batch({"v": [[1.0]], "w": ["x"]})

    assert list(with_vectors(iter([batch]), "t", [Column("v", False, kind="json"), Column("w", False)])) == [batch]
