"""A distinctive secret in every family: it is nowhere that a person may look (CONN-011)."""

from __future__ import annotations

import json
import logging
import socket
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from osiris_provider._airflow.compat import mask_secret
from osiris_provider.connections.redact import spellings
from osiris_provider.connectors import get_connector
from osiris_provider.hooks import base
from osiris_provider.operators.doctor import OsirisDoctorOperator
from osiris_provider.operators.osiris import OsirisOperator
from osiris_provider.sensors.healthcheck import OsirisHealthcheckSensor

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.airflow.connections import EVERY_FIELD, FAMILIES
from tests.airflow.drivers import Leaks
from tests.airflow.versions import hook_class, masked
from tests.faults.peers import Peer, hang_up

CANARY = "c@nary/47#11%s?&'é"
FORMS = spellings(CANARY) | {CANARY.replace("'", "\\'"), CANARY.encode("latin-1", "replace").decode("latin-1")}


def with_canaries(family: str, port: int) -> list[dict[str, Any]]:
    """The example connections of a family, pointed at this machine, with the canary for every secret."""
    connector = get_connector(family)
    actual = []
    for example in EVERY_FIELD[family]:
        changes: dict[str, Any] = {"host": "127.0.0.1", "port": port, "connect_timeout": 0.5, "timeout": 0.5}
        fields = {**example, **{name: value for name, value in changes.items() if name in example}}
        for name in example:
            if connector.declared()[name].secret:
                fields[name] = {"X-Key": CANARY} if isinstance(example[name], dict) else CANARY
        actual.append(fields)
    return actual


def tasks(reference: str) -> Any:
    with DAG(f"leaks_{reference.strip('@').replace('.', '_')}", schedule=None) as dag:
        arguments: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(0)}
        family = reference.strip("@").partition(".")[0]
        OsirisHealthcheckSensor(task_id="sensor", connection=reference, timeout=0, poke_interval=0.05, **arguments)
        OsirisDoctorOperator(task_id="doctor", connections=[reference], check_timeout=0.3, **arguments)
        config = {"connection": reference}
        OsirisOperator(task_id="leaks", driver=Leaks, config=config, **arguments)
        OsirisOperator(task_id="driver", driver=f"{family}.extractor", config={**config, "query": "x"}, **arguments)
    return dag


@pytest.mark.parametrize("family", FAMILIES)
def test_conn_011_no_secret_leaves_a_task(
    family: str,
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    closed_port: int,
) -> None:
    connections = with_canaries(family, closed_port)
    connections_file({family: {f"n{number}": fields for number, fields in enumerate(connections)}})
    caplog.set_level(logging.DEBUG, logger="osiris_provider")
    seen = ""
    for number in range(len(connections)):
        run = run_dag(tasks(f"@{family}.n{number}"))
        assert "leaks" in run.states
        seen += run.rendered() + run.serialized + json.dumps(list(run.xcoms()), default=repr)
    said = capfd.readouterr()
    for form in FORMS:
        for shown in (seen, said.out, said.err, caplog.text):
            assert form not in shown


@pytest.mark.parametrize("family", FAMILIES)
def test_conn_011_secrets_are_masked_before_any_client_is_made(
    family: str, connections_file: ConnectionsFile, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    """Airflow is told each form as soon as a connection is resolved, and no client knows the connection before."""
    masked: list[str] = []
    monkeypatch.setattr(base, "mask_secret", masked.extend)
    declared = get_connector(family).declared()
    for number, fields in enumerate(with_canaries(family, closed_port)):
        connections_file({family: {f"n{number}": fields}})
        masked.clear()
        base.resolve(f"@{family}.n{number}")
        if any(declared[name].secret for name in fields):
            assert spellings(CANARY) <= set(masked)


@pytest.mark.parametrize(
    ("family", "shown", "field"),
    [
        ("mysql", {"host": "127.0.0.1", "user": "ann"}, "password"),
        ("postgres", {"host": "127.0.0.1", "user": "ann"}, "password"),
        ("supabase", {"url": "https://localhost:{port}"}, "service_role_key"),
        ("shopify", {"shop_domain": "https://localhost:{port}"}, "access_token"),
        ("api", {"base_url": "http://127.0.0.1:{port}"}, "token"),
    ],
)
def test_conn_011_secrets_are_masked_when_the_server_is_called(
    family: str, shown: dict[str, str], field: str, connections_file: ConnectionsFile
) -> None:
    """Real clients and Airflow's real masker; duckdb has no secret and calls no server."""
    secret = f"order-of-{family}-\"'\\%41@"
    text = " ".join(spellings(secret))
    assert "order-of" in masked(text)
    logged: list[str] = []

    def note_and_hang_up(peer: Peer, sock: socket.socket) -> None:
        logged.append(masked(text))
        hang_up(peer, sock)

    with Peer(note_and_hang_up) as peer:
        fields: dict[str, Any] = {name: text.format(port=peer.port) for name, text in shown.items()}
        ports = {"port": peer.port} if "host" in shown else {}
        connections_file({family: {"main": {**fields, **ports, field: secret}}})
        ok, _ = hook_class(f"osiris_{family}")(f"@{family}.main").test_connection()
    assert not ok
    assert logged
    assert not [logged for logged in logged if "order-of" in logged]


def test_masking_reaches_airflows_masker() -> None:
    mask_secret(["distinctive-canary-0815"])
    assert masked("x distinctive-canary-0815 y") == "x *** y"


@pytest.mark.parametrize("family", FAMILIES)
def test_conn_011_the_test_button_shows_no_secret(
    family: str, connections_file: ConnectionsFile, closed_port: int
) -> None:
    hook = hook_class(f"osiris_{family}")
    for number, fields in enumerate(with_canaries(family, closed_port)):
        connections_file({family: {f"n{number}": fields}})
        _, message = hook(f"@{family}.n{number}").test_connection()
        assert not [form for form in FORMS if form in message]
        assert len(message) < 300
