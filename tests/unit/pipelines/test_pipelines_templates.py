"""Templates in configs: which are rendered without a child process, and what they know."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from osiris_provider.errors import DriverConfigError
from osiris_provider.pipelines.file import read_source
from osiris_provider.pipelines.settings import PRESETS
from osiris_provider.pipelines.templates import render, renders_soon, template_context, template_problem

from tests.unit.pipeline_files import ORDERS, checked

MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
SOON = [
    *(f"{{{{ x | {name} }}}}" for name in ("ds", "ds_nodash", "ts", "ts_nodash", "upper", "lower", "title", "trim")),
    *(f"{{{{ x | {name} }}}}" for name in ("capitalize", "string", "int", "float", "first", "last", "length")),
    *(f"{{{{ x | {name}(1) }}}}" for name in ("default", "d", "join")),
    *(f"{{{{ x.{name}() }}}}" for name in ("strftime", "isoformat", "date", "upper", "lower", "strip", "get")),
    *(f"{{{{ macros.{name}(1) }}}}" for name in ("ds_add", "ds_format", "timedelta", "datetime")),
    "{{ params['a'].b[0] ~ [1, (2, {3: -4 + +5 - 6})] }}",
    "{% if a and not b or c == 1 %}x{% else %}{{ 1 if d is defined else 2 }}{% endif %}",
    "{{ macros.datetime(year=2026) }}",
    "{% for x in [1, 2] %}{{ x }}{% endfor %}",
]
PERHAPS_NEVER = [
    "{{ 'a' * 10 ** 10 }}",
    "{{ 10 ** 9 }}",
    "{{ 9 // 2 }}",
    "{{ x | center(10000000000) }}",
    "{{ x | join(y) }}",
    "{{ x | d(y) }}",
    "{{ range(9) }}",
    "{{ x.replace('a', 'b') }}",
    "{{ upper() }}",
    "{% for x in y %}{% endfor %}",
    "{% for x in [1] %}{% for y in [1] %}{% endfor %}{% endfor %}",
    "{% macro m() %}{% endmacro %}",
    "{% set a = 1 %}",
]


@pytest.mark.parametrize("text", SOON)
def test_what_takes_no_longer_than_reading_is_rendered_at_once(text: str) -> None:
    assert template_problem(text) is None
    assert renders_soon(text)


@pytest.mark.parametrize("text", PERHAPS_NEVER)
def test_what_may_take_for_ever_is_not(text: str) -> None:
    assert template_problem(text) is None
    assert not renders_soon(text)


def test_a_loop_brings_forth_less_than_a_million_characters() -> None:
    loop = "{{% for x in [{items}] %}}{body}{{% endfor %}}"
    ten = ", ".join("0123456789")
    rest = len(loop.format(items=ten, body=""))
    assert renders_soon(loop.format(items=ten, body="x" * (99_999 - rest)))
    assert not renders_soon(loop.format(items=ten, body="x" * (100_000 - rest)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ ds }}", "2026-02-03"),
        ("{{ ds_nodash }}", "20260203"),
        ("{{ ts }}", "2026-02-03T04:05:06+00:00"),
        ("{{ ts_nodash }}", "20260203T040506"),
        ("{{ logical_date | ds }} {{ logical_date | ds_nodash }}", "2026-02-03 20260203"),
        ("{{ data_interval_start | ts }}", "2026-02-03T04:05:06+00:00"),
        ("{{ data_interval_end | ts_nodash }}", "20260203T040506"),
        ("{{ macros.ds_add(ds, -3) }}", "2026-01-31"),
        ("{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "03.02.26"),
        ("{{ macros.datetime(2026, 1, 1) + macros.timedelta(days=1) }}", "2026-01-02 00:00:00"),
        ("{{ params.limit }} {{ dag.dag_id }} {{ run_id }}", "7 orders manual"),
        ("{# a remark #}x\n", "x\n"),
    ],
)
def test_names_that_templates_know(text: str, expected: str) -> None:
    for moment in (MOMENT, MOMENT.replace(tzinfo=None)):
        context = template_context("orders", moment, {"limit": 7}, "manual")
        assert render({"a": [text, 1]}, context, "s") == {"a": [expected, 1]}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a\n{{ a b }}", 2, "is not valid Jinja: "),
        (f"\n\n{{{{ {'9' * 5000} }}}}", 1, "is not valid Jinja: it has a number that is too long"),
        (f"\n\n{{{{ {'(' * 5000} }}}}", 1, "is not valid Jinja: it nests too deep"),
    ],
)
def test_what_jinja_does_not_take_is_at_its_line_or_at_the_first(text: str, line: int, said: str) -> None:
    problem = template_problem(text)
    assert problem is not None
    assert (problem[0], problem[1][: len(said)]) == (line, said)


def test_a_moment_of_another_zone_is_one_of_utc() -> None:
    east = MOMENT.astimezone(timezone(timedelta(hours=20)))
    context = template_context("o", east, {}, "r")
    assert (context["ds"], context["ts"]) == ("2026-02-03", "2026-02-03T04:05:06+00:00")


def test_a_template_that_fails_names_its_step_and_what_there_is() -> None:
    with pytest.raises(DriverConfigError, match=r"Step s: .*'nothing' is undefined.*Templates know ds, ts") as raised:
        render("{{ nothing }}", {"ts": 1, "ds": 2}, "s")
    assert raised.value.step == "s"


@pytest.mark.parametrize(
    "preset",
    [
        *['"@once"', '"@continuous"', '"@continuous"\nmax_active_runs: 1', '"@hourly"', '"@daily"'],
        *['"@weekly"', '"@monthly"', '"@quarterly"', '"@yearly"'],
        # Of cron itself, and so of Airflow.
        *['"@midnight"', '"@annually"'],
    ],
)
def test_the_presets_of_a_schedule(preset: str, tmp_path: Path) -> None:
    pipeline, problems = checked(tmp_path, ORDERS.replace('"@daily"', preset))
    assert (pipeline is not None, problems, len(PRESETS)) == (True, [], 8)


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 6 31 4,6 *", "0 0 31 9-11/2 *", "0 0 1 * sun#2"])
def test_a_schedule_that_never_comes_is_a_mistake(cron: str, tmp_path: Path) -> None:
    _, problems = checked(tmp_path, ORDERS.replace("@daily", cron))
    said = f"schedule: '{cron}' never comes: no such day is in any year, and Airflow would run nothing"
    assert problems == [f"orders.yaml:1: {said}"]


@pytest.mark.parametrize("cron", ["0 0 29 2 *", "0 0 31 1,4 *", "0 0 L 2 *", "0 0 30 2 mon", "0 0 * * sun#5"])
def test_a_schedule_may_come_rarely(cron: str, tmp_path: Path) -> None:
    assert checked(tmp_path, ORDERS.replace("@daily", cron))[1] == []


def test_a_pipeline_has_a_greatest_size(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    for spare, too_large in ((0, False), (1, True)):
        path.write_text(ORDERS + "#" * (256 * 1024 - len(ORDERS) + spare))
        problems = [str(problem) for problem in read_source(path).problems.items]
        assert any("has more than 262,144 characters" in problem for problem in problems) == too_large


def test_texts_with_jinja_have_a_greatest_size_together(tmp_path: Path) -> None:
    source = read_source(tmp_path / "none.yaml")
    assert source.too_many_templates("x" * 100_000) is None
    assert source.too_many_templates("x" * (131_072 - 100_000)) is None
    assert source.too_many_templates("x") == (
        1,
        "texts with Jinja have more than 131,072 characters in this pipeline; split it",
    )
