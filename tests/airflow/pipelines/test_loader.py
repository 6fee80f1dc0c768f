"""A folder of pipelines as DAGs, which one line of code loads; a broken file is reported alone."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from osiris_provider.airflow_dags import OsirisDag, load_dags
from osiris_provider.errors import PipelineConfigError

from tests.airflow.versions import AIRFLOW, DagSerialization, dag_bag_class
from tests.unit.pipeline_files import ORDERS, SQL, write_pipeline

LOADER = "from osiris_provider.airflow_dags import load_dags\n\nload_dags('pipelines/', globals())\n"


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGs folder with a loader and a folder of pipelines."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "dags"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "load.py").write_text(LOADER)
    return folder


def bag_of(dags: Path) -> Any:
    return dag_bag_class()(str(dags / "load.py"))


def processed(dags: Path, loader: str = "load.py") -> tuple[list[str], dict[str, str]]:
    """Parse the loader as the child of the DAG processor does: ids of its DAGs, and import errors by file."""
    from airflow.dag_processing import processor

    fields: dict[str, Any] = {"file": str(dags / loader), "bundle_path": dags, "bundle_name": "tests"}
    known = processor.DagFileParseRequest.model_fields
    request = processor.DagFileParseRequest(**{name: value for name, value in fields.items() if name in known})
    result = processor._parse_file(request, SimpleNamespace(exception=print, warning=print))  # noqa: SLF001 - what the child runs
    assert result is not None
    return sorted(dag.dag_id for dag in result.serialized_dags), dict(result.import_errors or {})


def test_a_pipeline_is_a_dag(dags: Path) -> None:
    write_pipeline(dags / "pipelines")
    bag = bag_of(dags)
    assert bag.import_errors == {}
    dag = bag.dags["orders"]
    assert dag.fileloc == str(dags / "load.py")
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == {
        "orders": set(),
        "by_country": {"orders"},
        "store": {"by_country"},
    }
    assert dag.get_task("store").owner == "sales"
    assert dag.max_active_runs == 1
    assert [asset.uri for asset in dag.get_task("store").outlets] == ["osiris://postgres/reports/by_country"]
    assert dag.get_task("by_country").config == {"query": SQL}
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert again.task_ids == dag.task_ids


def test_a_broken_file_is_an_import_error_of_its_own_and_takes_no_other_down(dags: Path) -> None:
    pipelines = dags / "pipelines"
    for name in ("a", "b"):
        write_pipeline(pipelines, name=f"{name}.yaml")
    write_pipeline(pipelines, ORDERS.replace("owner", "ower"), name="broken.yaml")
    (pipelines / "worse.yml").write_text("steps: [")
    ids, errors = processed(dags)
    assert ids == ["a", "b"]
    names = {Path(name).name: text for name, text in errors.items()}
    assert set(names) == {"broken.yaml", "worse.yml"}
    assert f"{pipelines}/broken.yaml:2: key ower is unknown. Did you mean 'owner'?" in names["broken.yaml"]
    assert re.search(rf"{pipelines}/worse.yml:\d: the file is not valid YAML", names["worse.yml"])
    if AIRFLOW >= (3, 2):
        assert set(errors) == {"pipelines/broken.yaml", "pipelines/worse.yml"}
    write_pipeline(pipelines, name="broken.yaml")
    (pipelines / "worse.yml").unlink()
    assert processed(dags) == (["a", "b", "broken"], {})


def test_what_only_airflow_knows_to_be_wrong_takes_no_other_down(dags: Path) -> None:
    write_pipeline(dags / "pipelines", name="good.yaml")
    wrong = ORDERS.replace("inputs: [orders]", "inputs: [orders]\n    airflow: {executor: Nonsense}")
    path = write_pipeline(dags / "pipelines", wrong, name="wrong.yaml")
    ids, errors = processed(dags)
    assert ids == ["good"]
    assert [Path(file).name for file in errors] == ["wrong.yaml"]
    assert f"{path}:7: by_country: executor 'Nonsense' is none of those" in next(iter(errors.values()))
    with pytest.raises(
        PipelineConfigError, match=f"^{path}:7: by_country: executor 'Nonsense' is none of those"
    ) as raised:
        OsirisDag(path)
    assert (raised.value.line, raised.value.step, raised.value.field) == (7, "by_country", "airflow.executor")
    with pytest.raises(PipelineConfigError, match=r"good.yaml:1: Airflow does not take this pipeline: tag cannot be"):
        OsirisDag(dags / "pipelines" / "good.yaml", tags=["x" * 101])


def test_what_airflow_checks_at_the_end_takes_no_other_dag_down(dags: Path) -> None:
    good, wrong = (write_pipeline(dags / "pipelines", name=f"{name}.yaml") for name in ("good", "wrong"))
    loader = f"""
from osiris_provider.airflow_dags import OsirisDag
from osiris_provider.errors import PipelineConfigError

good = OsirisDag({str(good)!r})
try:
    OsirisDag({str(wrong)!r}, schedule="61 * * * *")
except PipelineConfigError as error:
    good.doc_md = str(error)
"""
    (dags / "load.py").write_text(loader)
    assert processed(dags) == (["good"], {})
    assert f"{wrong}:1: Airflow does not take this pipeline: [61 * * * *] is not" in bag_of(dags).dags["good"].doc_md


def test_a_continuous_pipeline_has_one_run_at_a_time(dags: Path) -> None:
    write_pipeline(dags / "pipelines", ORDERS.replace("@daily", '@continuous"\nstart_date: "2026-01-01'))
    ids, errors = processed(dags)
    assert (ids, errors) == (["orders"], {})


def test_a_dag_bag_sees_all_that_is_broken(dags: Path) -> None:
    write_pipeline(dags / "pipelines", ORDERS.replace("owner", "ower"), name="one.yaml")
    write_pipeline(dags / "pipelines", ORDERS.replace("table: o", "tabel: o"), name="two.yaml")
    [text] = bag_of(dags).import_errors.values()
    assert "one.yaml:2: key ower" in text
    assert "two.yaml:6: orders: config field tabel" in text


def test_ids_that_are_taken_name_both_files(dags: Path) -> None:
    pipelines = dags / "pipelines"
    (pipelines / "more").mkdir()
    for name in ("orders.yaml", "orders.yml", "more/orders.yaml"):
        path = write_pipeline(pipelines / Path(name).parent, name=Path(name).name)
    ids, errors = processed(dags)
    assert ids == ["orders"]
    assert sorted(Path(name).name for name in errors) == ["orders.yaml", "orders.yml"]
    for text in errors.values():
        assert f"the DAG id 'orders' is taken by {path} already" in text


def test_an_id_may_be_taken_by_a_dag_of_the_loader_itself(dags: Path) -> None:
    path = write_pipeline(dags / "pipelines")
    (dags / "load.py").write_text(f"from airflow.sdk import DAG\n\nmine = DAG('orders', schedule=None)\n{LOADER}")
    ids, errors = processed(dags)
    assert ids == ["orders"]
    [(file, text)] = errors.items()
    assert Path(file).name == path.name
    assert f"{path}:1: the DAG id 'orders' is taken by {dags / 'load.py'} already" in text


def test_airflowignore_is_respected(dags: Path) -> None:
    pipelines = dags / "pipelines"
    (pipelines / "drafts").mkdir()
    (pipelines / ".airflowignore").write_text("drafts/\nold_*\n")
    for name in ("orders.yaml", "old_orders.yaml", "drafts/new.yaml"):
        write_pipeline(pipelines / Path(name).parent, name=Path(name).name)
    (pipelines / "osiris_connections.yaml").write_text("version: 1\n")
    assert processed(dags) == (["orders"], {})


@pytest.mark.parametrize(
    ("ignored", "ids"),
    [
        ("old_*", ["orders"]),
        ("pipelines/old_orders.yaml", ["orders"]),
        ("/old_*", ["old_orders", "orders"]),
        # So that Airflow looks for no code in there: what load_dags is told to load is not left out.
        ("pipelines/", ["old_orders", "orders"]),
    ],
)
def test_airflowignore_of_the_dags_folder_is_respected(dags: Path, ignored: str, ids: list[str]) -> None:
    (dags / ".airflowignore").write_text(f"{ignored}\n")
    for name in ("orders.yaml", "old_orders.yaml"):
        write_pipeline(dags / "pipelines", name=name)
    assert processed(dags) == (ids, {})


@pytest.mark.parametrize(
    ("ignored", "syntax"),
    [("old_*", "glob"), ("team/pipelines/old_orders.yaml", "glob"), ("^team/pipelines/old_", "regexp")],
)
def test_airflowignore_of_a_bundle_elsewhere_is_respected(
    dags: Path, ignored: str, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX", syntax)
    (dags / ".airflowignore").write_text(f"{ignored}\n")
    (dags / "team" / "pipelines").mkdir(parents=True)
    for name in ("orders.yaml", "old_orders.yaml"):
        write_pipeline(dags / "team" / "pipelines", name=name)
    (dags / "team" / "load.py").write_text(LOADER)
    assert processed(dags, "team/load.py") == (["orders"], {})


def test_a_worker_makes_only_the_dag_of_its_task(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        write_pipeline(dags / "pipelines", name=f"{name}.yaml")
    (dags / "pipelines" / "broken.yaml").write_text("x")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "two")
    bag = bag_of(dags)
    assert (list(bag.dags), bag.import_errors) == (["two"], {})


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PipelineConfigError, match=r"There is no folder .*/nothing"):
        load_dags("nothing", {"__file__": str(tmp_path / "load.py")})
