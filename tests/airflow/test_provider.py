"""What Airflow's own CI checks of its providers, of this one."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import jsonschema
import osiris_provider
import pytest
from airflow.cli.cli_parser import get_parser
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
from osiris_provider.connections.settings import file_mode
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import MASKED_WORDS, connection_type, extra_key
from osiris_provider.hook_doctor import cooldown
from osiris_provider.hooks.base import doctor_timeout
from osiris_provider.provider_info import get_provider_info
from packaging.version import Version

import airflow
from tests.airflow.connections import FAMILIES
from tests.airflow.versions import hook_info, sensitive_words, since_3_2, since_3_3

INFO = get_provider_info()
SCHEMAS = Path(airflow.__file__).parent
PACKAGE = Path(osiris_provider.__file__).parent
KINDS_OF_OPTIONS = {float: "float", bool: "boolean"}
KINDS = ("hooks", "operators", "sensors", "triggers")
OF_OPENTELEMETRY = "ignore:SelectableGroups dict interface is deprecated. Use select.:DeprecationWarning"
"""Of the version that Airflow 3.2 was released with."""
DEPRECATED = ("get_connection_form_widgets", "get_ui_field_behaviour")


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def modules() -> list[str]:
    return [name for kind in KINDS for entry in INFO[kind] for name in entry["python-modules"]]


def hooks() -> list[str]:
    return [entry["hook-class-name"] for entry in INFO["connection-types"]]


def objects() -> list[str]:
    return [*hooks(), *INFO["secrets-backends"], *INFO["cli"]]


def entries(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping inside a nested value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from entries(inner)


def told(capsys: pytest.CaptureFixture[str], *command: str) -> list[dict[str, str]]:
    """What an ``airflow`` command prints as JSON."""
    args = get_parser().parse_args([*command, "--output", "json"])
    args.func(args)
    printed: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return printed


@since_3_2
def test_both_schemas_validate() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))
    jsonschema.validate(INFO, schema("provider.yaml.schema.json"))


@since_3_3
def test_airflow_finds_the_example_dags(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """With its default ``load_examples = True`` it imports a package that is named like the distribution."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    actual = DagBundlesManager().get_bundle("airflow-provider-osiris-example-dags")  # type: ignore[no-untyped-call] # Airflow's
    assert {path.name for path in actual.path.glob("*.py")} >= {"osiris_flights.py", "osiris_health.py"}
    assert [record for record in caplog.records if "osiris" in record.getMessage()] == []


def test_airflow_finds_the_provider_and_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    manager = ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's is not typed
    with caplog.at_level(logging.WARNING):
        manager.initialize_providers_hooks()
        manager.initialize_providers_configuration()
    assert [record for record in caplog.records if "osiris" in record.getMessage()] == []
    provider = manager.providers["airflow-provider-osiris"]
    assert provider.version == INFO["versions"][0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_hook_can_be_built_from_its_connection_type(family: str) -> None:
    hook = hook_info(f"osiris_{family}")
    assert hook is not None
    assert hook.hook_name == f"Osiris {get_connector(family).label}"
    assert hook.connection_testable


@pytest.mark.parametrize("name", objects())
def test_every_entry_imports_and_is_of_this_package(name: str) -> None:
    actual = resolve_name(name)
    assert f"{actual.__module__}.{actual.__qualname__}" == name
    assert name.startswith("osiris_provider.")


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_is_listed(kind: str) -> None:
    there = {f"osiris_provider.{kind}.{file.stem}" for file in (PACKAGE / kind).glob("[!_]*.py")}
    assert {name for name in modules() if name.startswith(f"osiris_provider.{kind}.")} == there


def test_every_integration_that_is_named_is_declared_once() -> None:
    declared = [entry["integration-name"] for entry in INFO["integrations"]]
    assert len(declared) == len(set(declared))
    assert {entry["integration-name"] for entry in entries(INFO) if "integration-name" in entry} == set(declared)


@pytest.mark.parametrize("name", hooks())
def test_every_hook_says_what_airflow_asks_and_nothing_deprecated(name: str) -> None:
    hook = resolve_name(name)
    (declared,) = [entry for entry in INFO["connection-types"] if entry["hook-class-name"] == name]
    assert hook.conn_type == declared["connection-type"]
    assert hook.hook_name == declared["hook-name"]
    assert hook.default_conn_name == f"{hook.conn_type}_default"
    ours = [base for base in hook.__mro__ if base.__module__.startswith("osiris_provider.")]
    assert [method for base in ours for method in DEPRECATED if method in vars(base)] == []
    assert "hook-class-names" not in INFO


def test_every_entry_imports_where_warnings_are_errors() -> None:
    names = {*modules(), *(name.rpartition(".")[0] for name in objects())}
    code = f"import airflow.sdk, {', '.join(sorted(names))}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", OF_OPENTELEMETRY, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize("name", [name for name in modules() if "operators" in name or "sensors" in name])
def test_fields_of_tasks_are_shown_as_airflow_can(name: str) -> None:
    kinds = [kind for kind in vars(import_module(name)).values() if getattr(kind, "__module__", "") == name]
    (task,) = [kind for kind in kinds if hasattr(kind, "ui_color")]
    assert re.fullmatch("#[0-9a-f]{6}", task.ui_color)
    assert {field.partition(".")[0] for field in task.template_fields_renderers} <= set(task.template_fields)
    assert set(task.template_fields_renderers.values()) <= {"json", "sql"}


@pytest.mark.parametrize(
    ("command", "column", "wanted"),
    [
        ("hooks", "connection_type", {entry["connection-type"] for entry in INFO["connection-types"]}),
        ("list", "package_name", {INFO["package-name"]}),
        ("secrets", "secrets_backend_class_name", set(INFO["secrets-backends"])),
        ("triggers", "class", set(INFO["triggers"][0]["python-modules"])),
    ],
)
def test_the_commands_of_airflow_show_it(
    command: str, column: str, wanted: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = told(capsys, "providers", command)
    ours = {line[column] for line in shown if "osiris" in str(line[column])}
    assert ours == wanted


def test_airflow_can_import_every_hook(capsys: pytest.CaptureFixture[str]) -> None:
    shown = [line for line in told(capsys, "providers", "hooks") if line["connection_type"].startswith("osiris_")]
    assert {line["class"]: line["conn_id_attribute_name"] for line in shown} == {
        name: resolve_name(name).conn_name_attr for name in hooks()
    }


@since_3_2
def test_the_form_reaches_the_user_interface() -> None:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    meta = {hook.connection_type: hook for hook in HookMetaService.hook_meta_data()}
    for family in FAMILIES:
        form = meta[f"osiris_{family}"]
        wanted = connection_type(family, "x.Y")
        assert set(form.extra_fields or {}) == set(wanted["conn-fields"]), family
        assert form.hook_name == wanted["hook-name"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_api_masks_every_secret_extra(family: str) -> None:
    assert set(MASKED_WORDS) <= sensitive_words()
    for spec in get_connector(family).model.fields():
        if spec.secret and spec.info.airflow == "extra":
            assert any(word in extra_key(spec) for word in sensitive_words()), spec.name


def test_airflow_knows_each_option_that_is_read_and_what_it_is_where_no_one_sets_it() -> None:
    options = INFO["config"]["osiris"]["options"]
    read = {
        name
        for file in PACKAGE.rglob("*.py")
        for name in re.findall(r'\b(?:secret_)?setting\("(\w+)"\)', file.read_text())
    }
    assert set(options) == {*read, cooldown.OPTION, "preload"}
    assert {name: conf.get("osiris", name) for name, option in options.items() if option["default"] is not None} == {
        "file_mode": f"{file_mode():04o}",
        "doctor_timeout": str(doctor_timeout()),
        "auth_cooldown_hours": str(cooldown.DEFAULT_HOURS),
        "preload": "True",
    }


def test_an_option_is_secret_or_shows_how_it_is_written() -> None:
    options = INFO["config"]["osiris"]["options"]
    secrets = {name for name, option in options.items() if option.get("sensitive")}
    assert secrets == {"api_token", "api_password"}
    shown = {name for name, option in options.items() if option["example"] or option["default"]}
    assert shown == set(options) - secrets


def test_an_option_is_of_the_type_of_its_default() -> None:
    options = INFO["config"]["osiris"]["options"]
    kinds = {name: option["type"] for name, option in options.items() if option["type"] != "string"}
    # 0600 is a number that Python does not write so.
    defaults = {name: option["default"] for name, option in options.items() if option["default"] not in (None, "0600")}
    assert kinds == {name: KINDS_OF_OPTIONS[type(literal_eval(text))] for name, text in defaults.items()}


def test_no_option_is_newer_than_the_package() -> None:
    added = {option["version_added"] for option in INFO["config"]["osiris"]["options"].values()}
    assert max(map(Version, added)) <= Version(INFO["versions"][0])
