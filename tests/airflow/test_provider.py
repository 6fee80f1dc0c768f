"""What Airflow's own CI checks of its providers, of this one."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import MASKED_WORDS, connection_type, extra_key
from osiris_provider.provider_info import get_provider_info

import airflow
from tests.airflow.connections import FAMILIES

INFO = get_provider_info()
SCHEMAS = Path(airflow.__file__).parent


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


def classes() -> list[str]:
    hooks = [entry["hook-class-name"] for entry in INFO["connection-types"]]
    return [*hooks, *INFO["secrets-backends"]]


def test_both_schemas_validate() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))
    jsonschema.validate(INFO, schema("provider.yaml.schema.json"))


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
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    manager = ProvidersManagerTaskRuntime()  # type: ignore[no-untyped-call] # Airflow's is not typed
    hook = manager.hooks[f"osiris_{family}"]
    assert hook is not None
    assert hook.hook_name == f"Osiris {get_connector(family).label}"
    assert hook.connection_testable


@pytest.mark.parametrize("name", classes())
def test_every_class_imports_without_a_warning(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)


def test_every_module_imports_alone_without_a_warning_of_ours() -> None:
    modules = [
        name for kind in ("hooks", "operators", "sensors", "triggers") for name in INFO[kind][0]["python-modules"]
    ]
    code = "import airflow.sdk, airflow.providers.common.sql.hooks.sql, warnings; warnings.simplefilter('error');"
    code += "import " + ", ".join(modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    from airflow._shared.secrets_masker.secrets_masker import DEFAULT_SENSITIVE_FIELDS

    assert set(MASKED_WORDS) <= DEFAULT_SENSITIVE_FIELDS
    for spec in get_connector(family).model.fields():
        if spec.secret and spec.info.airflow == "extra":
            assert any(word in extra_key(spec) for word in DEFAULT_SENSITIVE_FIELDS), spec.name


def test_the_options_have_all_that_airflow_asks_of_them() -> None:
    options = INFO["config"]["osiris"]["options"]
    assert set(options) == {"connections_file", "staging_url", "doctor_timeout"}
    from airflow.configuration import conf

    assert conf.getfloat("osiris", "doctor_timeout") == 2.0
