"""Connections of the file in hooks and operators of other providers, which know nothing of this package."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook
from osiris_provider.hooks.postgres import OsirisPostgresHook
from osiris_provider.secrets.connections_file import OsirisConnectionsBackend

from tests.airflow.conftest import ConnectionsFile, RunDag
from tests.servers import Address, entry

# The HTTP provider among Airflow's own modules.
pytestmark = pytest.mark.filterwarnings("ignore:The `airflow.utils.operator_helpers")
SYSTEM = ssl.get_default_verify_paths().cafile
COMMUNITY = {"postgres": "postgres", "mysql": "mysql", "api": "http"}

Serve = Callable[..., OsirisConnectionsBackend]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Make connections of the file known to Airflow as the backend serves them."""

    def serve(*ids: str, **arguments: Any) -> OsirisConnectionsBackend:
        backend = OsirisConnectionsBackend(**arguments)
        for name in ids:
            value = backend.get_conn_value(name)
            assert value is not None
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", value)
        return backend

    return serve


class Api(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent, on one path."""

    def do_GET(self) -> None:
        known = self.path == "/v1/things"
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is that of the base class
        """Be quiet."""


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


@pytest.mark.parametrize("conn_types", [None, COMMUNITY], ids=["own types", "community types"])
def test_postgres(
    conn_types: dict[str, str] | None,
    serve: Serve,
    run_dag: RunDag,
    connections_file: ConnectionsFile,
    postgres_database: Address,
) -> None:
    connections_file({"postgres": {"main": entry(postgres_database, sslmode="disable", application_name="reports")}})
    serve("osiris_postgres_main", conn_types=conn_types)
    hook = PostgresHook(postgres_conn_id="osiris_postgres_main")
    assert hook.get_first("SHOW application_name")[0] == "reports"
    with DAG(f"community_sql_{bool(conn_types)}", schedule=None) as dag:
        SQLExecuteQueryOperator(task_id="query", conn_id="osiris_postgres_main", sql="SELECT 42")
    run = run_dag(dag)
    assert run.state == "success"
    assert "[42]" in str(run.xcom("query"))


def test_a_dsn_and_a_fraction_of_a_second_fit_the_community_hook(
    serve: Serve, connections_file: ConnectionsFile, postgres_database: Address
) -> None:
    known = postgres_database
    who, where = f"{known.user}:{quote(known.password, safe='')}", f"{known.host}:{known.port}"
    dsn = f"postgresql://{who}@{where}/{known.database}?sslmode=disable"
    connections_file({"postgres": {"main": {"dsn": dsn, "connect_timeout": 2.5}}})
    serve("osiris_postgres_main", conn_types=COMMUNITY)
    assert PostgresHook(postgres_conn_id="osiris_postgres_main").get_first("SELECT 42")[0] == 42


def test_the_hooks_of_this_package_work_with_either_type(
    serve: Serve, connections_file: ConnectionsFile, postgres_database: Address
) -> None:
    connections_file({"postgres": {"main": entry(postgres_database, connect_timeout=2.5)}})
    serve("osiris_postgres_main", conn_types=COMMUNITY)
    hook = OsirisPostgresHook("osiris_postgres_main")
    assert hook.get_first("SELECT 42")[0] == 42
    assert hook.resolved["connect_timeout"] == 2.5


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ({"token": "canary-4711"}, "Authorization", "Bearer canary-4711"),
        ({"api_key": "canary-4711"}, "X-API-Key", "canary-4711"),
        ({"user": "ann", "password": "p:w"}, "Authorization", "Basic YW5uOnA6dw=="),
    ],
    ids=["token", "key", "basic"],
)
def test_http(
    credentials: dict[str, str],
    header: str,
    value: str,
    api: str,
    serve: Serve,
    run_dag: RunDag,
    connections_file: ConnectionsFile,
) -> None:
    connections_file({"api": {"main": {"base_url": api, "timeout": 5, **credentials}}})
    serve("osiris_api_main", conn_types=COMMUNITY)
    assert HttpHook("GET", http_conn_id="osiris_api_main").run("things").json()[header] == value
    with DAG(f"community_http_{header}", schedule=None) as dag:
        HttpOperator(task_id="ask", http_conn_id="osiris_api_main", method="GET", endpoint="things")
    run = run_dag(dag)
    assert run.state == "success"
    assert run.xcom("ask")[header] == value


@pytest.mark.parametrize(
    ("tls", "extra"),
    [
        ({}, {"ssl_mode": "PREFERRED"}),
        ({"ssl": False}, {"ssl_mode": "DISABLED"}),
        ({"ssl": True}, {"ssl_mode": "REQUIRED"}),
        ({"ssl_mode": "VERIFY_IDENTITY"}, {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": SYSTEM}}),
        ({"ssl_verify": True}, {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": SYSTEM}}),
        ({"ssl_ca": "/etc/ca.pem"}, {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": "/etc/ca.pem"}}),
        ({"ssl_ca": "/etc/ca.pem", "ssl_verify": "ca"}, {"ssl_mode": "VERIFY_CA", "ssl": {"ca": "/etc/ca.pem"}}),
        (
            {"ssl_cert": "/etc/cert.pem", "ssl_key": "/etc/key.pem"},
            {"ssl_mode": "REQUIRED", "ssl": {"cert": "/etc/cert.pem", "key": "/etc/key.pem"}},
        ),
    ],
)
def test_tls_of_mysql_is_what_its_community_hook_takes(
    tls: dict[str, Any], extra: dict[str, Any], serve: Serve, connections_file: ConnectionsFile
) -> None:
    connections_file({"mysql": {"main": {"host": "db", "user": "ann", "charset": "latin1", **tls}}})
    serve("osiris_mysql_main", conn_types=COMMUNITY)
    connection = BaseHook.get_connection("osiris_mysql_main")
    assert connection.conn_type == "mysql"
    assert connection.extra_dejson == {"charset": "latin1", **extra}


def test_a_type_that_does_not_fit_is_said_so(
    connections_file: ConnectionsFile, caplog: pytest.LogCaptureFixture
) -> None:
    connections_file({"mysql": {"main": {"host": "db", "user": "ann"}}})
    backend = OsirisConnectionsBackend(conn_types={"mysql": "http"})
    assert backend.get_conn_value("osiris_mysql_main") is None
    assert "not spoken to over HTTP" in caplog.text
