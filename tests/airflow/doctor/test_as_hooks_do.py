"""A connection of another provider's type is healthy where its hook connects, also in ways that our families do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trustme
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.check_many import prepare
from osiris_provider.hook_doctor.processes import servers

from tests.servers import Address

SECONDS = 60.0


def report_of(address: Address, extra: dict[str, Any], **changes: Any) -> dict[str, Any]:
    slots = {"host": address.host, "port": address.port, "login": address.user, "password": address.password}
    given = {"conn_type": "postgres", **slots, "schema": address.database, **changes, "extra": extra}
    written = {name: value for name, value in given.items() if value is not None}
    resolved = {"family": "airflow", "alias": "warehouse", **written}
    connector = get_connector("airflow")
    prepare([(connector, resolved)])
    return dict(connector.doctor(resolved, SECONDS)[1])


@pytest.mark.parametrize("names_an_authority", [False, True])
def test_postgres_without_tls_and_without_a_limit(
    postgres_database: Address, tmp_path: Path, names_an_authority: bool
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority = {"sslrootcert": str(tmp_path / "ca.pem")} if names_an_authority else {}
    report = report_of(postgres_database, {"connect_timeout": 0, **authority})
    assert report["category"] == "ok", report
    assert "server_version" in report["details"]


@pytest.mark.parametrize("schema", [None, "no_such_database"])
def test_postgres_by_several_hosts(postgres_database: Address, schema: str | None) -> None:
    """Nothing listens at the first one."""
    report = report_of(postgres_database, {}, host="127.0.0.2,127.0.0.1", **({"schema": schema} if schema else {}))
    # libpq has no code for why a login fails, and none of several hosts tells it.
    assert report["category"] == ("unknown" if schema else "ok"), report
    assert report["details"].get("fault") == ("test_failed" if schema else None)


def test_postgres_that_needs_another_connection_to_log_in(
    postgres_database: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hook asks for that of AWS, does not get it, and goes on with what this machine has: nothing."""
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    servers().close()
    report = report_of(postgres_database, {"iam": True, "aws_conn_id": "prod"}, password=None)
    servers().close()
    assert report["details"]["fault"] == "untestable", report
    assert "another connection" in report["message"]
