"""What the tests touch of Airflow and what differs between its versions; scripts/test-matrix runs them on each."""

from __future__ import annotations

import json
import os
import sys
from copy import copy
from functools import cache
from importlib import import_module
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import pytest

import airflow

BUNDLE = "tests"
"""The bundle of the DAGs that tests make."""
AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])

since_3_2 = pytest.mark.skipif(
    AIRFLOW < (3, 2), reason="Airflow 3.2 brings forms from provider info, and commands of providers"
)
events_in_editor = pytest.mark.skipif(
    AIRFLOW < (3, 2), reason="Airflow 3.2 shows what an asset's event says in an editor, which the tests can unfold"
)
since_3_3 = pytest.mark.skipif(AIRFLOW < (3, 3), reason="Airflow 3.3 brings retry policies")

lists_assets_of_events = pytest.mark.skipif(
    AIRFLOW < (3, 3), reason="Before 3.3 Airflow's list of assets leaves out those that only events know"
)

since_common_sql_2_1 = pytest.mark.skipif(
    not hasattr(import_module("airflow.providers.common.sql.operators.sql"), "SQLBulkLoadOperator"),
    reason="Version 2.1 of the common SQL provider brings SQLBulkLoadOperator, and pages that are not deferred",
)

if TYPE_CHECKING or AIRFLOW >= (3, 2):
    from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout, TaskDeferred
    from airflow.sdk.serde import deserialize, serialize
    from airflow.serialization.serialized_objects import DagSerialization
else:
    from airflow.exceptions import AirflowSensorTimeout, AirflowSkipException, AirflowTaskTimeout, TaskDeferred
    from airflow.serialization.serde import deserialize, serialize
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

__all__ = [
    "AIRFLOW",
    "BUNDLE",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "DagSerialization",
    "TaskDeferred",
    "dag_bag_class",
    "deserialize",
    "forget_fernet",
    "forget_secrets",
    "hook_class",
    "hook_info",
    "keep_the_api_between_tasks",
    "lists_assets_of_events",
    "masked",
    "send_metrics_to",
    "sensitive_words",
    "serialize",
    "serve_the_newest_api_alone",
    "since_3_2",
    "since_3_3",
    "since_common_sql_2_1",
    "store_dag",
]


def keep_the_api_between_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have ``dag.test`` make its Execution API once, as it does by itself since 3.3, and not for each task."""
    supervisor = import_module("airflow.sdk.execution_time.supervisor")
    if AIRFLOW < (3, 3):
        monkeypatch.setattr(supervisor, "in_process_api_server", cache(supervisor.in_process_api_server))


def serve_the_newest_api_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the Execution API that ``dag.test`` makes serve the version that its client speaks.

    For each older one it would make all routes again, which takes seconds.
    """
    versions, cadwyn = import_module("airflow.api_fastapi.execution_api.versions"), import_module("cadwyn")
    newest = cadwyn.Version(versions.bundle.versions[0].value)
    monkeypatch.setattr(versions, "bundle", cadwyn.VersionBundle(cadwyn.HeadVersion(), newest))
    generate = cadwyn.applications.generate_versioned_routers
    older = cadwyn.route_generation._DELETED_ROUTE_TAG  # noqa: SLF001 - how it marks the routes of older versions alone

    def generate_newest(router: Any, **options: Any) -> Any:
        router = copy(router)
        router.routes = [route for route in router.routes if older not in getattr(route, "tags", ())]
        return generate(router, **options)

    monkeypatch.setattr(cadwyn.applications, "generate_versioned_routers", generate_newest)


def store_dag(dag: Any) -> str:
    """Write a DAG to the database, as the DAG processor does with one of a file; return its serialized form."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    module = "airflow.serialization." + ("definitions.dag" if AIRFLOW >= (3, 2) else "serialized_objects")
    data = DagSerialization.to_dict(dag)
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
        session.flush()
        import_module(module).SerializedDAG.bulk_write_to_db(BUNDLE, None, [dag], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG(data=data), BUNDLE, session=session)
    return json.dumps(data)


def dag_bag_class() -> Any:
    """The class that reads DAG files."""
    return resolve_name("airflow.dag_processing.dagbag:DagBag" if AIRFLOW >= (3, 2) else "airflow.models.dagbag:DagBag")


def hook_class(connection_type: str) -> Any:
    """The class of a connection type's hook, as Airflow finds it for the Test button."""
    return resolve_name(hook_info(connection_type).hook_class_name)


def hook_info(connection_type: str) -> Any:
    """What Airflow knows of the hook of a connection type, where tasks run."""
    if AIRFLOW >= (3, 2):
        manager = resolve_name("airflow.sdk.providers_manager_runtime:ProvidersManagerTaskRuntime")()
    else:
        manager = resolve_name("airflow.providers_manager:ProvidersManager")()
    return manager.hooks[connection_type]


def masked(text: str) -> str:
    """A text as Airflow logs it, after what it has been told so far."""
    return str(import_module("airflow.sdk.log").redact(text))


def forget_fernet() -> None:
    """Have Airflow read its key again."""
    crypto: Any = import_module("airflow.models.crypto")
    if AIRFLOW >= (3, 2):
        crypto.get_fernet.cache_clear()
    else:
        crypto._fernet = None  # noqa: SLF001 - it has no other way


def forget_secrets() -> None:
    """Have Airflow's maskers, that of the core and that of tasks, know no secret."""
    for package in ("airflow._shared", "airflow.sdk._shared"):
        masker = sys.modules.get(f"{package}.secrets_masker.secrets_masker")
        if masker is not None:
            masker.reset_secrets_masker()


def sensitive_words() -> frozenset[str]:
    """The words by which Airflow's REST API knows the names of secrets."""
    words: frozenset[str] = resolve_name("airflow._shared.secrets_masker.secrets_masker:DEFAULT_SENSITIVE_FIELDS")
    return words


def send_metrics_to(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Airflow send its metrics to a client, as it sends them to StatsD's."""
    if AIRFLOW >= (3, 3):
        monkeypatch.setattr("airflow.sdk._shared.observability.metrics.stats._backend", client)
        return
    shared = "airflow.sdk._shared.observability.metrics.stats" if AIRFLOW >= (3, 2) else "airflow.stats"
    stats = resolve_name(f"{shared}:Stats")
    monkeypatch.setattr(stats, "instance", client)
    monkeypatch.setattr(stats, "_instance_pid", os.getpid())
