"""Both sides of what a pipeline may say, and what is said where the rest of the machine is in the way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from osiris_provider.pipelines.dialects import MAX_STEPS
from osiris_provider.pipelines.file import MAX_CHARS
from osiris_provider.pipelines.folder import find_pipelines
from osiris_provider.pipelines.lint import MAX_QUERY, check_paths
from osiris_provider.pipelines.problems import MAX_PROBLEMS
from osiris_provider.pipelines.settings import MAX_CRON

from tests.unit.pipeline_files import ORDERS, checked, loaded, write_pipeline
from tests.unit.pipelines.test_pipelines_checks import GOOD
from tests.unit.pipelines.test_pipelines_graph import OML


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("3w", timedelta(weeks=3)),
        ("1h 30m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("0s", timedelta()),
        ("999999s", timedelta(seconds=999_999)),
        ("3652d 23h", timedelta(days=3652, hours=23)),
    ],
)
def test_a_time_is_the_sum_of_its_parts(tmp_path: Path, written: str, time: timedelta) -> None:
    assert loaded(tmp_path, GOOD.replace("5m", f'"{written}"')).settings.retry_delay == time


@pytest.mark.parametrize("written", ["3653d", "3000d 653d", "1000w", "9999999s", "1 h", "1y", "", "5", "-5m"])
def test_what_is_no_time_or_one_of_more_than_ten_years(tmp_path: Path, written: str) -> None:
    [problem] = checked(tmp_path, GOOD.replace("5m", f'"{written}"'))[1]
    said = "is longer than ten years" if written.startswith(("3", "1000")) else "is a time such as 30s, 5m, 2h or 1d"
    assert problem == f"orders.yaml:4: key retry_delay: {said}"


@pytest.mark.parametrize(
    ("key", "written", "right"),
    [
        ("start_date", "1900-01-01", True),
        ("start_date", "1899-12-31", False),
        ("end_date", "8999-12-31", True),
        ("end_date", "9000-01-01", False),
    ],
)
def test_years_that_airflow_can_work_with(tmp_path: Path, key: str, written: str, right: bool) -> None:
    problems = checked(tmp_path, GOOD.replace("start_date: 2026-01-01", f"{key}: {written}"))[1]
    assert problems == ([] if right else [f"orders.yaml:6: key {key}: is a time of no year that Airflow can work with"])


@pytest.mark.parametrize(
    ("link", "right"),
    [
        ("https://example.com/team", True),
        ("mailto:team@example.com", True),
        ("mailto:", False),
        ("https:/team", False),
        ("//example.com", False),
    ],
)
def test_links_of_owners(tmp_path: Path, link: str, right: bool) -> None:
    problems = checked(tmp_path, GOOD.replace("owner: sales", f"airflow: {{owner_links: {{a: '{link}'}}}}"))[1]
    assert [one.partition(" such as ")[0] for one in problems] == (
        [] if right else ["orders.yaml:2: key airflow.owner_links.a: is a link"]
    )


def test_a_pipeline_has_so_many_steps_and_no_more(tmp_path: Path) -> None:
    steps = [
        "steps:",
        *(f"  - {{id: s{n}, driver: filesystem.csv_extractor, config: {{path: x}}}}" for n in range(501)),
    ]
    assert len(loaded(tmp_path, "\n".join(steps[:-1])).steps) == MAX_STEPS == 500
    assert checked(tmp_path, "\n".join(steps)) == (
        None,
        ["orders.yaml:1: there are 501 steps; at most 500 are allowed in a pipeline"],
    )


@pytest.mark.parametrize("written", ["steps:", "steps: []", "steps: {a: b}", "owner: sales"])
def test_a_pipeline_has_steps(tmp_path: Path, written: str) -> None:
    assert checked(tmp_path, written) == (
        None,
        ["orders.yaml:1: steps: is required, a list of steps with id and driver"],
    )


@pytest.mark.parametrize("written", ["", "# steps\n", "{}", "--- {}\n# steps"])
def test_a_file_that_says_nothing_is_empty(tmp_path: Path, written: str) -> None:
    assert checked(tmp_path, written) == (None, ["orders.yaml:1: the file is empty; it begins with steps:"])


def test_a_cron_text_is_no_longer_than_is_looked_at_soon(tmp_path: Path) -> None:
    fits = "1," * ((MAX_CRON - 9) // 2) + "11 * * * *"
    assert len(fits) == MAX_CRON
    assert checked(tmp_path, GOOD.replace('"@daily"', f'"{fits}"'))[1] == []
    [problem] = checked(tmp_path, GOOD.replace('"@daily"', f'"{fits} "'))[1]
    assert "is neither a cron text nor a preset" in problem


def test_a_file_has_so_many_characters_and_no_more(tmp_path: Path) -> None:
    fits = GOOD + "#" * (MAX_CHARS - len(GOOD))
    assert checked(tmp_path, fits)[1] == []
    [problem] = checked(tmp_path, fits + "#")[1]
    assert problem.startswith(f"orders.yaml:1: the file has more than {MAX_CHARS:,} characters")


@pytest.mark.parametrize("number", [MAX_PROBLEMS, MAX_PROBLEMS + 1])
def test_of_many_mistakes_so_many_are_told(tmp_path: Path, number: int) -> None:
    wrong = "".join(f"x{n}: 1\n" for n in range(number))
    pipeline, problems = checked(tmp_path, f"{wrong}{GOOD}")
    assert len(problems) == MAX_PROBLEMS
    assert (pipeline is None) is (number > MAX_PROBLEMS)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "said"),
    [
        (OML, "mode: write", "mode: read", "7: last: mode: read does not go with component filesystem.csv_writer; wri"),
        (OML, "component: mysql", "driver: mysql", "4: one: driver: belongs to files without oml_version"),
        (
            GOOD,
            '    config:\n      connection: "@mysql.shop"',
            '    inputs: [by_country]\n    config:\n      connection: "@mysql.shop"',
            "10: orders: driver mysql.extractor reads from outside and takes no inputs",
        ),
        (
            GOOD,
            "mysql.extractor",
            "broken_by_hand.Driver",
            "9: orders: driver broken_by_hand.Driver cannot be loaded: i",
        ),
        (
            GOOD,
            "SELECT country FROM orders WHERE country = '${params.country}'",
            '"a\\0.sql"',
            "17: by_country: config field query: a?.sql is not a path",
        ),
    ],
)
def test_what_does_not_go_together_is_said_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, right: str, wrong: str, said: str
) -> None:
    (tmp_path / "broken_by_hand.py").write_text("raise ZeroDivisionError")
    monkeypatch.syspath_prepend(str(tmp_path))
    problems = checked(tmp_path, text.replace(right, wrong, 1))[1]
    assert [one for one in problems if one.startswith(f"orders.yaml:{said}")], problems


def test_a_file_without_a_pipeline_has_its_problems_only(tmp_path: Path) -> None:
    path = write_pipeline(tmp_path, "owner: sales")
    files, [problem] = check_paths([path])
    assert (files, problem.message[:20]) == ([path], "steps: is required, ")


@pytest.mark.parametrize(("spare", "number"), [(0, 1), (1, 0)])
def test_a_query_that_would_take_long_is_not_parsed(tmp_path: Path, spare: int, number: int) -> None:
    query = "SELECT a b FRM orders --"
    path = write_pipeline(tmp_path, orders_by_country=query + "x" * (MAX_QUERY - 1 - len(query) + spare) + "\n")
    assert len([one for one in check_paths([path])[1] if "cannot be parsed" in one.message]) == number


def test_connections_that_cannot_be_looked_up_are_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_pipeline(tmp_path)
    assert check_paths([path])[1] == []
    [problem] = check_paths([path], str(tmp_path))[1]
    assert problem.message.startswith(
        f"the connections cannot be looked up: Connections file {tmp_path} is a directory"
    )
    assert (problem.line, problem.step) == (1, None)


def test_a_reference_that_the_run_brings_is_not_looked_up(tmp_path: Path) -> None:
    connections = tmp_path / "osiris_connections.yaml"
    connections.write_text("version: 1\nconnections: {postgres: {reports: {host: db, database: d, user: u}}}\n")
    text = ORDERS.replace('"@mysql.shop"', '"@mysql.{{ ds }}"')
    assert check_paths([write_pipeline(tmp_path, text)], str(connections))[1] == []


def test_a_folder_that_is_not_below_the_top_has_its_own_ignore_files_only(tmp_path: Path) -> None:
    folder, top = tmp_path / "pipelines", tmp_path / "dags"
    folder.mkdir()
    top.mkdir()
    path = write_pipeline(folder)
    (tmp_path / ".airflowignore").write_text("orders*\n")
    assert find_pipelines(folder, top=top) == [path]
    assert find_pipelines(folder, top=tmp_path) == []
