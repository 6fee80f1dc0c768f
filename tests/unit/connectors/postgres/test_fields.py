"""What the fields of a connection take, and what libpq gets of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg2
import pytest
from osiris_provider.connectors.postgres.connection import PostgresConnection
from osiris_provider.errors import ConnectionConfigError

BASE = {"host": "db.example.com", "user": "ann"}
LONGEST = 2**31 - 1
BOUNDS: dict[str, tuple[Any, Any]] = {
    "port": (1, 65535),
    "connect_timeout": (0.001, 3600),
    **dict.fromkeys(("keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"), (0, LONGEST)),
}
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def parameters(**fields: Any) -> dict[str, Any]:
    return dict(PostgresConnection.parse({**BASE, **fields}).parameters())


@pytest.mark.parametrize("field", BOUNDS)
def test_conn_008_a_number_has_both_its_bounds(field: str) -> None:
    low, high = BOUNDS[field]
    for value in (low, high):
        assert getattr(PostgresConnection.parse({**BASE, field: value}), field) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ConnectionConfigError) as raised:
            PostgresConnection.parse({**BASE, field: value})
        assert raised.value.field == field


CHOICES = [(spec.name, choice) for spec in PostgresConnection.fields() for choice in spec.choices]


@pytest.mark.parametrize(("field", "choice"), CHOICES)
def test_conn_017_each_choice_of_a_field_reaches_libpq_which_knows_it(field: str, choice: str, tmp_path: Path) -> None:
    # With TLS from the first byte, there is no plain line to choose.
    beside = {"sslmode": "require"} if field == "sslnegotiation" else {}
    beside |= {"sslrootcert": "system"} if choice.startswith("verify") else {}
    beside |= {"ssl_min_protocol_version": "TLSv1"} if field == "ssl_max_protocol_version" else {}
    known = parameters(**{field: choice, **beside})
    assert known[field] == {"true": "1", "false": "0"}.get(choice, choice)
    with pytest.raises(psycopg2.OperationalError) as raised:
        psycopg2.connect(**{**known, "host": str(tmp_path)})
    assert "invalid" not in str(raised.value)


@pytest.mark.parametrize("field", FILES)
def test_conn_007_a_file_is_there_or_its_field_is_named(field: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        parameters(**{field: "~/secret.pem"})
    assert raised.value.field == field
    assert "secret" not in str(raised.value)
    (tmp_path / "secret.pem").touch()
    if field == "sslcrl":
        # One that refuses nothing is none.
        with pytest.raises(ConnectionConfigError, match="sslcrl"):
            parameters(sslcrl="~/secret.pem")
    else:
        assert parameters(**{field: "~/secret.pem"})[field] == str(tmp_path / "secret.pem")


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_conn_017_what_verifies_needs_an_authority(mode: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionConfigError, match="a PEM file, or system") as raised:
        parameters(sslmode=mode)
    assert raised.value.field == "sslrootcert"
    assert parameters(sslmode=mode, sslrootcert="system")["sslrootcert"] == "system"
    root = tmp_path / ".postgresql" / "root.crt"
    root.parent.mkdir()
    root.touch()
    assert "sslrootcert" not in parameters(sslmode=mode)


def test_the_passphrase_of_a_key_is_asked_of_no_one() -> None:
    assert parameters(sslpassword="c4nary")["sslpassword"] == "c4nary"
    for nothing in ({}, {"sslpassword": ""}):
        # An empty one has OpenSSL ask at the terminal.
        assert parameters(**nothing)["sslpassword"] == " "


@pytest.mark.parametrize(("mode", "works"), [(None, False), ("prefer", False), ("require", True), ("verify-ca", True)])
def test_conn_017_tls_from_the_first_byte_needs_a_mode_that_has_no_other(mode: str | None, works: bool) -> None:
    fields = {"sslnegotiation": "direct", "sslmode": mode, "sslrootcert": mode and "system"}
    if works:
        assert parameters(**fields)["sslnegotiation"] == "direct"
    else:
        with pytest.raises(ConnectionConfigError, match="require, verify-ca or verify-full") as raised:
            parameters(**fields)
        assert raised.value.field == "sslnegotiation"


@pytest.mark.parametrize(
    ("given", "missing"), [({}, "host"), ({"user": "u"}, "host"), ({"host": "h"}, "user"), ({"host": " "}, "host")]
)
def test_conn_007_where_and_as_whom_is_required(given: dict[str, str], missing: str) -> None:
    with pytest.raises(ConnectionConfigError, match=rf"\b{missing}\b") as raised:
        PostgresConnection.parse(given)
    assert raised.value.field == missing


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
@pytest.mark.parametrize(
    "field", ["host", "database", "user", "password", "sslpassword", "application_name", "options"]
)
def test_conn_008_what_libpq_would_cut_or_choke_on_is_refused(field: str, text: str) -> None:
    with pytest.raises(ConnectionConfigError, match=rf"field {field}:? (has|is the name) ") as raised:
        parameters(**{field: text})
    assert raised.value.field == field
    assert text not in str(raised.value)
