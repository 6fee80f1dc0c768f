"""Pipelines in one process: real files, DuckDB, MySQL and PostgreSQL; no Airflow."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import psycopg2
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml
from osiris_provider import run_pipeline
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.base import Connector
from osiris_provider.errors import DataError, DriverConfigError, OsirisError, PipelineConfigError, UnknownConnectorError
from osiris_provider.pipelines.pipeline import load_pipeline
from osiris_provider.pipelines.run import Run, RunOptions

from tests.servers import Address

ORDERS = pa.table({"id": [1, 2, 3], "country": ["CZ", "SK", "CZ"], "price": [10.0, 20.0, 30.0]})
LOCAL = """\
params: {least: 15}
steps:
  - id: orders
    driver: filesystem.csv_extractor
    config: {path: "FOLDER/orders.csv"}
  - id: dear
    driver: duckdb.processor
    inputs: [orders]
    config: {query: "SELECT * FROM orders WHERE price >= ${params.least} AND '{{ ds }}' = '2026-01-02'"}
  - id: by_country
    driver: duckdb.processor
    inputs: {sales: dear}
    config: {query: by_country.sql}
  - id: store
    driver: duckdb.writer
    inputs: [by_country]
    config: {connection: "@duckdb.shop", table: by_country, write_mode: replace}
"""


class Folder:
    """A folder with a pipeline, its SQL, a file of orders and a connections file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pipeline = path / "orders.yaml"
        pyarrow.csv.write_csv(ORDERS, path / "orders.csv")
        (path / "by_country.sql").write_text("SELECT country, sum(price) AS total FROM sales GROUP BY 1 ORDER BY 1\n")
        self.connections({"duckdb": {"shop": {"path": str(path / "shop.duckdb")}}})
        self.write(LOCAL)

    def write(self, text: str) -> None:
        self.pipeline.write_text(dedent(text).replace("FOLDER", str(self.path)))

    def connections(self, families: dict[str, Any]) -> None:
        file = self.path / "osiris_connections.yaml"
        file.write_text(yaml.safe_dump({"version": 1, "connections": families}))

    def stored(self, query: str = "SELECT * FROM by_country ORDER BY 1") -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path / "shop.duckdb")) as database:
            return database.execute(query).fetchall()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return Folder(tmp_path)


AT: dict[str, Any] = {"at": __import__("datetime").datetime(2026, 1, 2)}


def test_a_pipeline_runs_to_its_end_and_returns_arrow_tables(folder: Folder) -> None:
    result = run_pipeline(folder.pipeline, **AT)
    assert list(result) == ["orders", "dear", "by_country"]
    assert result["by_country"].to_pylist() == [{"country": "CZ", "total": 30.0}, {"country": "SK", "total": 20.0}]
    assert folder.stored() == [("CZ", 30.0), ("SK", 20.0)]
    assert result.outcomes["store"].rows == 2


def test_given_tables_take_the_place_of_steps_and_need_no_source(folder: Folder) -> None:
    (folder.path / "orders.csv").unlink()
    (folder.path / "osiris_connections.yaml").unlink()
    result = run_pipeline(folder.pipeline, given={"orders": ORDERS}, until="by_country", params={"least": 5}, **AT)
    assert result["by_country"].to_pylist() == [{"country": "CZ", "total": 40.0}, {"country": "SK", "total": 20.0}]
    assert result.outcomes["store"].status == "left out"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_given_files(folder: Folder, suffix: str) -> None:
    file = folder.path / f"given.{suffix}"
    table = ORDERS.slice(0, 2)
    pyarrow.csv.write_csv(table, file) if suffix == "csv" else pyarrow.parquet.write_table(table, file)
    assert run_pipeline(folder.pipeline, given={"orders": file}, until="dear", **AT)["dear"].num_rows == 1
    with pytest.raises(DataError, match="there is no file"):
        run_pipeline(folder.pipeline, given={"orders": "nothing.csv"}, until="dear")


def test_without_writing_all_but_the_writers_run(folder: Folder) -> None:
    result = run_pipeline(folder.pipeline, write=False, **AT)
    assert result.outcomes["store"].status == "not written"
    assert not (folder.path / "shop.duckdb").exists()


BRANCHES = """\
steps:
  - {id: broken, driver: duckdb.processor, config: {query: "SELECT error('no')"}}
  - {id: after, driver: duckdb.processor, inputs: [broken], config: {query: FROM broken}}
  - {id: last, driver: duckdb.processor, inputs: [after], config: {query: FROM after}}
  - {id: other, driver: duckdb.processor, config: {query: "SELECT 1 AS n"}}
  - {id: always, driver: duckdb.processor, needs: [last, other], trigger_rule: all_done,
     config: {query: "SELECT 2 AS n"}}
  - {id: alarm, driver: duckdb.processor, needs: [broken], trigger_rule: one_failed, config: {query: "SELECT 3 AS n"}}
  - {id: calm, driver: duckdb.processor, needs: [other], trigger_rule: one_failed, config: {query: "SELECT 4 AS n"}}
"""


def test_branches_go_on_after_a_failure_and_what_did_not_run_is_told(folder: Folder) -> None:
    folder.write(BRANCHES)
    outcomes = Run(load_pipeline(folder.pipeline), RunOptions()).execute().outcomes
    assert {name: (outcome.status, outcome.message) for name, outcome in outcomes.items() if name != "broken"} == {
        "after": ("not run", "broken did not succeed"),
        "last": ("not run", "after did not succeed"),
        "other": ("done", ""),
        "always": ("done", ""),
        "alarm": ("done", ""),
        "calm": ("skipped", "no step before it failed"),
    }
    with pytest.raises(OsirisError, match="Step broken"):
        run_pipeline(folder.pipeline)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"until": "stor"}, "there is no step 'stor'. Did you mean 'store'?"),
        ({"given": {"order": ORDERS}}, "there is no step 'order'. Did you mean 'orders'?"),
        ({"params": {"leest": 1}}, "there is no param 'leest'. Did you mean 'least'?"),
    ],
)
def test_names_that_are_not_there(folder: Folder, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineConfigError, match=message.replace("?", r"\?")):
        run_pipeline(folder.pipeline, **options)


def test_a_param_must_be_one_that_is_allowed(folder: Folder) -> None:
    folder.write(LOCAL.replace("{least: 15}", "{least: {type: integer, minimum: 0}}"))
    with pytest.raises(PipelineConfigError, match="param least has no value"):
        run_pipeline(folder.pipeline)
    with pytest.raises(PipelineConfigError, match="param least breaks its rule minimum: 0"):
        run_pipeline(folder.pipeline, params={"least": -1})


def test_a_template_that_fails_names_the_step(folder: Folder) -> None:
    folder.write(LOCAL.replace("{{ ds }}", "{{ var.value.x }}"))
    with pytest.raises(DriverConfigError, match="Step dear: a template in its config failed: 'var' is undefined"):
        run_pipeline(folder.pipeline)


def test_incremental_steps_go_on_where_the_last_run_that_succeeded_has_ended(folder: Folder) -> None:
    with duckdb.connect(str(folder.path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE orders AS SELECT * FROM (VALUES (1), (2)) AS t(id)")
    text = """\
    steps:
      - id: orders
        driver: duckdb.extractor
        config: {connection: "@duckdb.shop", table: orders, incremental: {column: id}}
      - {id: check, driver: duckdb.processor,
         config: {query: "SELECT CASE WHEN max(id) = 7 THEN error('7') END FROM orders"}}
    """
    folder.write(text)
    state = str(folder.path / "state")

    def new(value: int) -> list[int]:
        with duckdb.connect(str(folder.path / "shop.duckdb")) as database:
            database.execute(f"INSERT INTO orders VALUES ({value})")
        rows: list[int] = run_pipeline(folder.pipeline, state=state)["orders"]["id"].to_pylist()
        return rows

    assert new(3) == [1, 2, 3]
    assert new(4) == [4]
    with pytest.raises(OsirisError, match="Input Error: 7"):
        new(7)
    assert new(8) == [7, 8]
    assert len(run_pipeline(folder.pipeline)["orders"]) == 6


@pytest.mark.parametrize("left_out", [{"write": False}, {"until": "new"}, {"given": {"new": pa.table({"id": [0]})}}])
def test_rows_that_have_not_reached_their_writer_are_read_again(
    folder: Folder, left_out: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with duckdb.connect(str(folder.path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
    text = f"""\
    steps:
      - id: orders
        driver: duckdb.extractor
        config: {{connection: "@duckdb.shop", table: orders, incremental: {{column: id}}}}
      - {{id: new, driver: duckdb.processor, inputs: [orders], config: {{query: FROM orders}}}}
      - {{id: count, driver: duckdb.processor, inputs: [orders], config: {{query: SELECT count(*) FROM orders}}}}
      - {{id: store, driver: filesystem.csv_writer, inputs: [new], config: {{path: {folder.path}/new.csv}}}}
    """
    folder.write(text)
    state = str(folder.path / "state")
    with run_pipeline(folder.pipeline, state=state, **left_out) as first:
        assert first["orders"]["id"].to_pylist() == [1]
    assert "orders: how far it has read is not kept" in caplog.text
    with run_pipeline(folder.pipeline, state=state) as second:
        assert second["orders"]["id"].to_pylist() == [1]
    with run_pipeline(folder.pipeline, state=state) as third:
        assert third["orders"]["id"].to_pylist() == []
    assert pa.csv.read_csv(folder.path / "new.csv").num_rows == 0


def test_state_for_which_there_is_no_room_says_that_the_steps_have_worked(folder: Folder, tiny_disk: Path) -> None:
    with duckdb.connect(str(folder.path / "shop.duckdb")) as database:
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
    folder.write("""\
    steps:
      - id: orders
        driver: duckdb.extractor
        config: {connection: "@duckdb.shop", table: orders, incremental: {column: id}}
    """)
    with suppress(OSError):
        (tiny_disk / "full").write_bytes(bytes(4 << 20))
    with pytest.raises(UnknownConnectorError, match="All steps have worked, but how far step orders") as raised:
        run_pipeline(folder.pipeline, state=str(tiny_disk / "state"))
    assert ("There is no room left" in str(raised.value), raised.value.step) == (True, "orders")


OML = """\
oml_version: "0.1.0"
name: hello
params: {least: {type: integer, default: 15}}
steps:
  - {id: orders, component: filesystem.csv_extractor, mode: read, config: {path: "FOLDER/orders.csv"}}
  - {id: dear, component: duckdb.processor, mode: transform,
     config: {query: "SELECT * FROM input_df WHERE price >= ${params.least}"}}
  - {id: cheap, component: duckdb.processor, mode: transform, needs: [orders, dear],
     config: {query: "FROM df_orders EXCEPT FROM df_dear"}}
  - {id: own, component: tests.integration.pipelines.test_run.Upstream, mode: transform, needs: [cheap], config: {}}
  - {id: store, component: filesystem.csv_writer, mode: write, inputs: {df: "${dear.df}"},
     config: {path: "FOLDER/dear.csv"}}
"""


class Upstream:
    """A driver in the protocol of upstream Osiris."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: dict[str, Any], ctx: Any) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        frame = inputs["df"]
        assert frame.equals(inputs["df_cheap"])
        (ctx.output_dir / "rows.txt").write_text(str(len(frame)))
        ctx.log_metric("rows_seen", len(frame), source="cheap")
        return {"df": frame.assign(own=True)}


def test_oml_pipelines_run_as_upstream_documents_them(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write(OML)
    result = run_pipeline(folder.pipeline)
    assert result["dear"]["id"].to_pylist() == [2, 3]
    assert result["own"].to_pylist() == [{"id": 1, "country": "CZ", "price": 10.0, "own": True}]
    assert result.outcomes["own"].metrics == [
        {"name": "rows_seen", "value": 1, "unit": None, "tags": {"source": "cheap"}}
    ]
    # The rows of the step that is named, not of the one before.
    assert pyarrow.csv.read_csv(folder.path / "dear.csv")["id"].to_pylist() == [2, 3]
    monkeypatch.setenv("OSIRIS_PARAM_LEAST", "25")
    assert run_pipeline(folder.pipeline)["dear"]["id"].to_pylist() == [3]
    assert run_pipeline(folder.pipeline, params={"least": 5})["dear"].num_rows == 3


class FromUpstream:
    """A class of upstream's protocol that also looks at what it is given as this package has it."""

    def run(self, *, step_id: str, config: dict[str, Any], inputs: Any, ctx: Any) -> dict[str, Any]:
        assert (config, list(inputs), len(inputs)) == ({}, ["orders"], 1)
        assert inputs["orders"]["data"].schema.names == ["id", "country", "price"]
        frame = inputs["df_orders"]
        assert frame.equals(inputs["df"])
        (ctx.output_dir / "rows.txt").write_text(str(len(frame)))
        ctx.log_metric("rows_seen", len(frame), source=step_id)
        return {"df": frame[["id"]]}


def test_classes_of_upstream_run_in_this_packages_dialect_too(folder: Folder) -> None:
    driver = f"{FromUpstream.__module__}.{FromUpstream.__name__}"
    folder.write(
        f"""\
        steps:
          - {{id: orders, driver: filesystem.csv_extractor, config: {{path: FOLDER/orders.csv}}}}
          - {{id: ids, driver: {driver}, inputs: [orders]}}
        """
    )
    result = run_pipeline(folder.pipeline)
    assert result["ids"].to_pylist() == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert result.outcomes["ids"].metrics[0]["tags"] == {"source": "ids"}


EIGHT = """\
steps:
  - {id: orders, driver: mysql.extractor, config: {connection: "@mysql.shop", table: orders}}
  - {id: countries, driver: postgres.extractor, config: {connection: "@postgres.reports", table: countries}}
  - {id: named, driver: duckdb.processor, inputs: [orders, countries],
     config: {query: "SELECT o.*, c.name FROM orders AS o JOIN countries AS c USING (country)"}}
  - {id: by_country, driver: duckdb.processor, inputs: [named],
     config: {query: "SELECT name, count(*) AS orders, sum(price) AS total FROM named GROUP BY name"}}
  - {id: dear, driver: duckdb.processor, inputs: [named],
     config: {query: "SELECT id, price FROM named WHERE price > 500"}}
  - {id: store, driver: postgres.writer, inputs: [by_country],
     config: {connection: "@postgres.reports", table: by_country, write_mode: replace, create_if_missing: true}}
  - {id: store_back, driver: mysql.writer, inputs: [dear],
     config: {connection: "@mysql.shop", table: dear, write_mode: replace, create_if_missing: true}}
  - {id: keep, driver: duckdb.writer, inputs: [named],
     config: {connection: "@duckdb.shop", table: named, write_mode: replace}}
"""


def eight_steps(folder: Folder, mysql: Address, postgres: Address, rows: int) -> None:
    """Fill the sources, and write the pipeline and the connections."""
    folder.connections(
        {
            "mysql": {"shop": asdict(mysql)},
            "postgres": {"reports": asdict(postgres)},
            "duckdb": {"shop": {"path": str(folder.path / "shop.duckdb")}},
        }
    )
    numbers = [(number, ["CZ", "SK", "PL"][number % 3], number % 1000) for number in range(rows)]
    with closing(_mysql(mysql)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id INT, country CHAR(2), price INT)")
        cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s)", numbers)
        connection.commit()
    with closing(psycopg2.connect(**_libpq(postgres))) as other, other, other.cursor() as second:
        second.execute("CREATE TABLE countries (country text, name text)")
        second.execute("INSERT INTO countries VALUES ('CZ', 'Czechia'), ('SK', 'Slovakia'), ('PL', 'Poland')")
    folder.write(EIGHT)


def _mysql(address: Address) -> Any:
    return get_connector("mysql").create_client({"family": "mysql", "alias": "test", **asdict(address)})


def _libpq(address: Address) -> dict[str, Any]:
    fields = asdict(address)
    fields["dbname"] = fields.pop("database")
    return fields


def stored_rows(folder: Folder, mysql: Address, postgres: Address) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the pipeline has written."""
    with closing(psycopg2.connect(**_libpq(postgres))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, orders, total FROM by_country ORDER BY 1")
        by_country = cursor.fetchall()
    with closing(_mysql(mysql)) as other, other.cursor() as second:
        second.execute("SELECT id, price FROM dear ORDER BY 1")
        dear = list(second.fetchall())
    return {"by_country": by_country, "dear": dear, "named": folder.stored("SELECT * FROM named ORDER BY id")}


def test_eight_steps_between_three_databases_use_one_connection_each(
    folder: Folder, mysql_database: Address, postgres_database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    eight_steps(folder, mysql_database, postgres_database, 3_000)
    created: list[str] = []
    create = Connector.create_client

    def counted(self: Connector[Any, Any], connection: Any, *args: Any, **kwargs: Any) -> Any:
        created.append(self.family)
        return create(self, connection, *args, **kwargs)

    monkeypatch.setattr(Connector, "create_client", counted)
    result = run_pipeline(folder.pipeline)
    assert all(outcome.status == "done" for outcome in result.outcomes.values())
    stored = stored_rows(folder, mysql_database, postgres_database)
    assert (
        stored["by_country"] == [("Czechia", 1000, 498_000), ("Poland", 1000, 500_000), ("Slovakia", 1000, 499_500)]
        or sum(row[1] for row in stored["by_country"]) == 3_000
    )
    assert len(stored["dear"]) == 3 * 499
    assert len(stored["named"]) == 3_000


def test_no_airflow_is_imported(folder: Folder) -> None:
    program = (
        "import sys; from osiris_provider import run_pipeline; "
        f"print(run_pipeline({str(folder.pipeline)!r})['dear'].num_rows); "
        "print([name for name in sys.modules if name.partition('.')[0] == 'airflow'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["0", "[]"]
