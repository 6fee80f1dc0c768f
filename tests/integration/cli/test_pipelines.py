"""``osiris pipelines …``: validate, run, graph, schema, init."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from osiris_provider.cli.main import main
from osiris_provider.pipelines.starter import _write_all

from tests.integration.pipelines.test_run import BRANCHES, EIGHT, LOCAL, OML, Folder
from tests.unit.pipeline_files import ORDERS, write_pipeline
from tests.unit.pipelines.test_pipelines_checks import GOOD
from tests.unit.pipelines.test_pipelines_keys import validator

Osiris = Callable[..., tuple[int, str, str]]


@pytest.fixture
def osiris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Osiris:
    """Run a command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        code = main(["pipelines", *map(str, args)])
        return code, *capsys.readouterr()

    return call


def test_validate_says_everything_at_once_and_exits_with_3(osiris: Osiris, tmp_path: Path) -> None:
    (tmp_path / "pipelines" / "more").mkdir(parents=True)
    write_pipeline(tmp_path / "pipelines", ORDERS.replace("owner", "ower"), name="one.yaml")
    write_pipeline(tmp_path / "pipelines" / "more", ORDERS.replace("[orders]", "[order]"), name="two.yml")
    write_pipeline(tmp_path / "pipelines" / "more", name="one.yaml")
    code, out, _ = osiris("validate")
    assert code == 3
    assert out.splitlines()[-1] == "3 pipelines, 3 problems"
    assert "pipelines/more/two.yml:9: by_country: there is no step 'order'. Did you mean 'orders'?" in out
    assert "pipelines/one.yaml:1: the DAG id 'one' is taken by pipelines/more/one.yaml already" in out
    assert "pipelines/one.yaml:2: key ower is unknown. Did you mean 'owner'?" in out
    code, out, _ = osiris("validate", "--json", "pipelines/one.yaml")
    assert code == 3
    [problem] = json.loads(out)["problems"]
    assert (problem["file"], problem["line"], problem["step"], problem["field"]) == (
        "pipelines/one.yaml",
        2,
        None,
        "ower",
    )


def test_validate_says_that_there_is_nothing_to_validate(osiris: Osiris, tmp_path: Path) -> None:
    code, out, err = osiris("validate", tmp_path)
    assert (code, out) == (3, "0 pipelines, 0 problems\n")
    assert err == f"error: there is no pipeline in {tmp_path}: no .yaml or .yml file that .airflowignore leaves.\n"


@pytest.mark.parametrize("command", ["run", "graph"])
def test_what_cannot_run_is_said_with_a_line_for_each_problem(osiris: Osiris, tmp_path: Path, command: str) -> None:
    path = write_pipeline(tmp_path, "retrys: 1\nsteps:\n  - {id: a, driver: duckdb.procesor}\n")
    code, out, err = osiris(command, path)
    assert (code, out) == (3, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {path}:1: key retrys is unknown. Did you mean 'retries'?")
    assert second.startswith(f"error: {path}:3: a: There is no driver 'duckdb.procesor'. Did you mean")
    if command == "run":
        said = json.loads(osiris(command, path, "--json")[1])
        assert [(problem["line"], problem["step"]) for problem in said["problems"]] == [(1, None), (3, "a")]


def test_validate_leaves_out_what_airflow_does(osiris: Osiris, tmp_path: Path) -> None:
    (tmp_path / ".airflowignore").write_text("old_*\n")
    (tmp_path / "pipelines").mkdir()
    for name in ("orders.yaml", "old_orders.yaml"):
        write_pipeline(tmp_path / "pipelines", name=name)
    assert json.loads(osiris("validate", "--json")[1])["files"] == ["pipelines/orders.yaml"]


def test_a_folder_is_no_pipeline(osiris: Osiris, tmp_path: Path) -> None:
    assert osiris("run", tmp_path)[2] == f"error: {tmp_path}:1: the file is a folder; name one of the files in it\n"


def test_validate_looks_connections_up_where_there_is_a_file(osiris: Osiris, tmp_path: Path) -> None:
    path = write_pipeline(tmp_path)
    assert osiris("validate", path)[:2] == (0, "1 pipeline, 0 problems: ok\n")
    file = tmp_path / "connections.yaml"
    file.write_text("version: 1\nconnections:\n  mysql: {shops: {host: x}}\n  postgres: {reports: {host: x}}\n")
    code, out, _ = osiris("validate", path, "--file", file)
    assert code == 3
    assert out.startswith(f"{path}:6: orders: config field connection: @mysql.shop is not in {file}. Did you mean")
    assert osiris("validate", path, "--file", file, "--no-connections")[0] == 0


@pytest.mark.parametrize(
    ("query", "line", "message"),
    [
        ("SELECT a,\n b FRM orders", 2, "the SQL cannot be parsed: syntax error"),
        ("SELECT *\nFROM oders", 2, "the SQL asks for table 'oders', which is no input. Did you mean 'orders'?"),
        ("SELECT country,\n  sum(prise)\nFROM orders GROUP BY 1", 2, 'Referenced column "prise" not found'),
        ("SELECT o.contry\nFROM orders AS o", 1, 'does not have a column named "contry"'),
        ("SELECT {{ ds }},\n\n prise FROM orders", 3, 'Referenced column "prise" not found'),
        ("SELECT\n country FROM orders WHERE prise > ?", 2, 'Referenced column "prise" not found'),
        ("SELECT upper(country), sum(price) + 1, max({{ ds_nodash }}) FROM orders GROUP BY 1;\n", 0, ""),
        ("WITH t AS (FROM orders) SELECT * FROM t, range(3), duckdb_settings()", 0, ""),
        ("SELECT {{ var.value.x }} FROM nothing", 0, ""),
    ],
)
def test_validate_finds_mistakes_in_sql(osiris: Osiris, tmp_path: Path, query: str, line: int, message: str) -> None:
    text = ORDERS.replace(
        "table: orders, incremental: {column: updated_at}", "table: orders, columns: [country, price]"
    )
    if "?" in query:
        text = text.replace("query: orders_by_country.sql", "query: orders_by_country.sql, params: [1]")
    code, out, _ = osiris("validate", write_pipeline(tmp_path, text, orders_by_country=query))
    assert code == (3 if message else 0)
    if message:
        assert out.startswith(f"{tmp_path}/orders_by_country.sql:{line}: by_country: config field query: ")
        assert message in out


@pytest.mark.parametrize(("query", "problems"), [("FROM a_b", 1), ('FROM "a-b" UNION FROM "a.b"', 0)])
def test_validate_takes_a_plain_name_that_two_inputs_would_have_for_that_of_neither(
    osiris: Osiris, tmp_path: Path, query: str, problems: int
) -> None:
    text = f"""
    steps:
      - {{id: one, driver: duckdb.processor, config: {{query: SELECT 1 AS n}}}}
      - {{id: two, driver: duckdb.processor, config: {{query: SELECT 2 AS n}}}}
      - {{id: both, driver: duckdb.processor, inputs: {{a-b: one, a.b: two}}, config: {{query: '{query}'}}}}
      - {{id: store, driver: filesystem.csv_writer, inputs: [both], config: {{path: numbers.csv}}}}
    """
    code, out, _ = osiris("validate", write_pipeline(tmp_path, text))
    assert code == (3 if problems else 0)
    assert out.count("the SQL asks for table 'a_b', which is no input") == problems


def test_validate_counts_lines_of_sql_in_a_block(osiris: Osiris, tmp_path: Path) -> None:
    block = "SELECT country FROM orders WHERE country = '${params.country}'"
    text = GOOD.replace(block, "|\n        SELECT country\n        FRM orders")
    out = osiris("validate", write_pipeline(tmp_path, text))[1]
    assert out.startswith(f"{tmp_path}/orders.yaml:19: by_country: config field query: the SQL cannot be parsed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("OSIRIS_HOME", str(tmp_path))
    return Folder(tmp_path)


def test_run_shows_each_step_and_what_came_of_it(osiris: Osiris, folder: Folder) -> None:
    code, out, err = osiris("run", folder.pipeline, "--at", "2026-01-02", "--param", "least=5")
    assert code == 0
    assert [line.split()[:4] for line in out.splitlines()] == [
        ["orders", "done", "3", "rows"],
        ["dear", "done", "3", "rows"],
        ["by_country", "done", "2", "rows"],
        ["store", "done", "2", "rows"],
    ]
    assert [line for line in err.splitlines() if line.endswith("…")] == [
        "orders …",
        "dear …",
        "by_country …",
        "store …",
    ]
    assert folder.stored() == [("CZ", 40.0), ("SK", 20.0)]


def test_run_with_a_step_that_fails(osiris: Osiris, folder: Folder) -> None:
    folder.write(BRANCHES)
    code, out, _ = osiris("run", folder.pipeline, "--json")
    assert code == 1
    result = json.loads(out)
    assert result["succeeded"] is False
    assert {step["step"]: step["status"] for step in result["steps"]}["last"] == "not run"


def test_run_until_given_and_without_writing(osiris: Osiris, folder: Folder) -> None:
    given = folder.path / "given.csv"
    given.write_text("id,country,price\n1,CZ,99.0\n")
    code, out, _ = osiris("run", folder.pipeline, "--given", f"orders={given}", "--until", "dear", "--at", "2026-01-02")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["orders", "given"],
        ["dear", "done"],
        ["by_country", "left"],
        ["store", "left"],
    ]
    assert "store       not written" in osiris("run", folder.pipeline, "--no-write")[1]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--param", "least"], 2, "'least' is not NAME=VALUE"),
        (["--at", "soon"], 2, "'soon' is not a time such as"),
        (["--at", "20260131"], 2, "'20260131' is not a time such as"),
        (["--given", "orders=", "--until", "orders"], 1, "there is no file '' to take its data from"),
        (["--until", "stor"], 3, "there is no step 'stor'. Did you mean 'store'?"),
    ],
)
def test_run_with_wrong_options(osiris: Osiris, folder: Folder, args: list[str], code: int, said: str) -> None:
    actual, out, err = osiris("run", folder.pipeline, *args)
    assert actual == code
    assert said in out + err


def test_run_keeps_state_where_it_is_told_to(osiris: Osiris, folder: Folder) -> None:
    folder.write(LOCAL)
    assert osiris("run", folder.pipeline, "--no-write", "--state", folder.path / "state")[0] == 0
    assert not (folder.path / "state").exists()


def test_graph_in_three_forms(osiris: Osiris, folder: Folder) -> None:
    text = osiris("graph", folder.pipeline)[1]
    assert "by_country  duckdb.processor  ← dear as sales\n" in text
    assert "s0 --> s1" in osiris("graph", "--format", "mermaid", folder.pipeline)[1]
    assert '"dear" -> "by_country";' in osiris("graph", "--format", "dot", folder.pipeline)[1]


@pytest.mark.parametrize("text", [GOOD, ORDERS, LOCAL, BRANCHES, OML, EIGHT])
def test_pipelines_are_valid_by_the_schema(text: str) -> None:
    # Editors know dates as texts.
    validator().validate(_texts(text))


def _texts(text: str) -> Any:
    return yaml.safe_load(text.replace("2026-01-01", '"2026-01-01"'))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("owner:", "ower:"),
        ("table: orders", "tabel: orders"),
        ("@mysql.shop", "@postgres.shop"),
        ("write_mode: replace", "write_mode: replce"),
        ("all_success", "all_succes"),
        ("retries: 2", "retries: x"),
    ],
)
def test_the_schema_finds_mistakes(right: str, wrong: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(_texts(GOOD.replace(right, wrong)))


def test_init_writes_a_pipeline_that_is_valid_and_runs(osiris: Osiris, tmp_path: Path) -> None:
    code, _, err = osiris("init", "dags")
    assert (code, len(err.splitlines())) == (0, 5)
    assert osiris("validate", "dags/pipelines")[0] == 0
    text = (tmp_path / "dags" / "pipelines" / "orders.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../pipeline.schema.json\n")
    jsonschema.validate(_texts(text), json.loads((tmp_path / "dags" / "pipeline.schema.json").read_text()))
    assert osiris("run", "dags/pipelines/orders.yaml")[0] == 0
    before = {path: path.read_text() for path in (tmp_path / "dags").rglob("*.*") if path.suffix != ".duckdb"}
    code, _, err = osiris("init", "dags")
    assert code == 3
    assert "is there already" in err
    assert before == {path: path.read_text() for path in before}


def test_init_writes_all_or_nothing_and_follows_no_link(osiris: Osiris, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    link = tmp_path / "dags" / "load_pipelines.py"
    link.symlink_to(tmp_path / "elsewhere.py")
    assert osiris("init", "dags")[0] == 3
    assert os.listdir(tmp_path) == ["dags"]
    # The schema has over a hundred kilobytes. A compiled file would be cut there, and stay so for all tests behind it.
    script = f"ulimit -f 50; exec {sys.executable} -B -m osiris_provider pipelines init other"
    done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "error: other cannot be written to: File too large.\n")
    assert os.listdir(tmp_path) == ["dags"]


class Interrupted(dict[Path, str]):
    """Files of which the last is not written any more."""

    def items(self) -> Any:
        yield from list(super().items())[:-1]
        raise KeyboardInterrupt


def test_init_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    there = tmp_path / "there" / "mine"
    there.parent.mkdir()
    there.touch()
    files = [tmp_path / "there" / "a", tmp_path / "there" / "new" / "b", tmp_path / "new" / "far" / "c", tmp_path / "d"]
    with pytest.raises(KeyboardInterrupt):
        _write_all(Interrupted(dict.fromkeys(files, "text")))
    assert list(tmp_path.rglob("*")) == [there.parent, there]


def test_init_says_what_a_connections_file_needs_that_is_there_already(osiris: Osiris, tmp_path: Path) -> None:
    file = tmp_path / "osiris_connections.yaml"
    file.write_text("version: 1\nconnections:\n  mysql: {default: {host: h, user: u}}\n")
    folder = tmp_path / f"účty {'a dlouhé jméno ' * 10}dags"
    code, _, err = osiris("init", folder)
    line = err.splitlines()[-1].partition("below connections: ")[2]
    assert (code, line.partition(" {path: ")[0], f"{folder}/reports.duckdb" in line) == (0, "duckdb: {reports:", True)
    file.write_text(f"{file.read_text()}  {line}\n")
    assert osiris("run", folder / "pipelines/orders.yaml")[0] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [("version: 2\n", "version: is 1, a number without quotes"), (None, "(set by OSIRIS_HOME) does not exist")],
)
def test_init_leaves_a_connections_file_that_is_wrong_and_says_so(
    osiris: Osiris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, said: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if content is not None:
        (home / "osiris_connections.yaml").write_text(content)
    monkeypatch.setenv("OSIRIS_HOME", str(home))
    code, _, err = osiris("init", "dags")
    assert (code, said in err.splitlines()[-1]) == (0, True)
    assert not (tmp_path / "osiris_connections.yaml").exists()


def test_init_writes_the_path_of_the_database_as_people_do(osiris: Osiris, tmp_path: Path) -> None:
    folder = tmp_path / f"účty {'a dlouhé jméno ' * 10}dags"
    assert osiris("init", folder)[0] == 0
    lines = (tmp_path / "osiris_connections.yaml").read_text().splitlines()
    path = f"      path: {folder}/reports.duckdb"
    assert lines == ["version: 1", "connections:", "  duckdb:", "    reports:", path]


def test_a_run_does_not_import_airflow(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    code = (
        "import sys; from osiris_provider.cli.main import main\n"
        f"code = main(['pipelines', 'run', {str(folder.pipeline)!r}, '--at', '2026-01-02'])\n"
        "print(code, sorted(name for name in sys.modules if name.split('.')[0] == 'airflow'))"
    )
    own = {**os.environ, "OSIRIS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert folder.stored() == [("CZ", 30.0), ("SK", 20.0)]
