"""What a hostile PostgreSQL server gets, and what it can do."""

from __future__ import annotations

import json
import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import trustme
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection
from osiris_provider.connectors import get_connector
from osiris_provider.errors import AuthError, ConnectionConfigError, ConnectorError, NetworkError
from osiris_provider.hooks.postgres import OsirisPostgresHook
from osiris_provider.net.deadline import CHECK_BYTES
from osiris_provider.secrets.shapes import attributes_of

from tests.security.postgres.rogue import (
    ACCEPTED,
    CLEAR,
    MD5,
    SCRAM,
    SSL_REQUEST,
    Flood,
    RoguePostgres,
    endless_notices,
    endless_parameters,
    error,
    huge_error,
)

PASSWORD = "c4nary-pa55word"
POSTGRES = get_connector("postgres")
Fields = dict[str, Any]

UNENCRYPTED = [{}, {"sslmode": "prefer"}, {"sslmode": "allow"}, {"sslmode": "disable"}, {"require_auth": "!md5"}]
IDS = ["default", "prefer", "allow", "disable", "not md5"]


def fields_of(rogue: RoguePostgres, **fields: Any) -> Fields:
    where = {"host": "127.0.0.1", "port": rogue.port, "user": "u", "password": PASSWORD, "database": "d"}
    return {"family": "postgres", "alias": "x", **where, **fields}


def dsn_of(rogue: RoguePostgres, query: str = "") -> str:
    return f"postgresql://u:{PASSWORD}@127.0.0.1:{rogue.port}/d?{query}"


@pytest.fixture
def unverified(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context that is not of the authority whose file is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    root = tmp_path / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(str(root))
    return context, root


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("how", UNENCRYPTED, ids=IDS)
def test_doctor_sends_no_clear_password_over_a_plain_line(how: Fields, host: str) -> None:
    with RoguePostgres(CLEAR) as rogue:
        ok, verdict = POSTGRES.doctor(fields_of(rogue, host=host, **how), 10)
    assert not rogue.got(PASSWORD)
    assert (ok, verdict["category"], verdict["details"]["fault"]) == (False, "auth", "clear_password")
    assert "sslmode: require" in verdict["message"]


@pytest.mark.parametrize("how", UNENCRYPTED, ids=IDS)
def test_a_client_sends_no_clear_password_over_a_plain_line(how: Fields) -> None:
    with RoguePostgres(CLEAR) as rogue, pytest.raises(AuthError, match="it was not sent"):
        POSTGRES.create_client(fields_of(rogue, **how))
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("query", ["", "sslmode=prefer", "sslmode=disable", "require_auth=%21md5"])
@pytest.mark.parametrize("family", ["postgres", "supabase"])
def test_nor_does_a_dsn(family: str, query: str) -> None:
    connector = get_connector(family)
    with RoguePostgres(CLEAR) as rogue:
        given = {"dsn": dsn_of(rogue, query)}
        if family == "supabase":
            given = {"url": "https://abc123.supabase.co", "pg_dsn": given["dsn"]}
        connection = {"family": family, "alias": "x", **given}
        _, verdict = connector.doctor(connection, 10)
        with pytest.raises(AuthError):
            connector.create_client(connection)
    assert not rogue.got(PASSWORD)
    assert verdict["details"]["fault"] == "clear_password"


def test_the_environment_cannot_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGREQUIREAUTH", "password,scram-sha-256")
    with RoguePostgres(CLEAR) as rogue:
        assert POSTGRES.doctor(fields_of(rogue), 10)[0] is False
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("asks", [CLEAR, MD5, SCRAM], ids=["clear", "md5", "scram"])
def test_a_password_of_the_environment_is_sent_to_nobody(asks: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with RoguePostgres(asks) as rogue:
        fields = fields_of(rogue, password=None, require_auth="password,md5,scram-sha-256")
        _, verdict = POSTGRES.doctor(fields, 10)
        with pytest.raises(AuthError):
            POSTGRES.create_client(fields)
    assert verdict["details"]["fault"] == "no_password"
    assert rogue.answers == 0


@pytest.mark.parametrize("name", ["PGSSLMODE", "PGREQUIREAUTH"])
def test_the_environment_can_be_stricter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, {"PGSSLMODE": "require", "PGREQUIREAUTH": "scram-sha-256"}[name])
    with RoguePostgres(MD5) as rogue:
        ok, verdict = POSTGRES.doctor(fields_of(rogue), 10)
    assert (ok, verdict["details"]["fault"]) == (False, "tls_refused" if name == "PGSSLMODE" else "auth_not_allowed")


def test_an_old_libpq_fails_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psycopg2.extensions.libpq_version", lambda: 150004)
    with RoguePostgres(CLEAR) as rogue, pytest.raises(ConnectionConfigError, match=r"Install psycopg2-binary"):
        POSTGRES.create_client(fields_of(rogue, sslmode="disable"))
    assert rogue.startups == []


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_hooks_and_urls_do_not_send_it_either(sslmode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RoguePostgres(CLEAR) as rogue:
        shape = attributes_of(fields_of(rogue, sslmode=sslmode), None)
        monkeypatch.setenv("AIRFLOW_CONN_OSIRIS_POSTGRES_X", json.dumps(shape))
        hook = OsirisPostgresHook("osiris_postgres_x")
        with pytest.raises(AuthError):
            hook.get_conn()
        with pytest.raises(sqlalchemy.exc.OperationalError):
            sqlalchemy.create_engine(hook.get_uri()).connect()
    assert len(rogue.startups) >= 2
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_the_postgres_type_of_airflow_does_not_send_it_either(sslmode: str) -> None:
    with RoguePostgres(CLEAR) as rogue:
        shape = attributes_of(fields_of(rogue, sslmode=sslmode), "postgres")
        connection = Connection(conn_id="x", **{**shape, "extra": json.dumps(shape["extra"])})
        # psycopg2 or psycopg 3, by the provider's version; both are libpq.
        with pytest.raises(Exception, match="server requested a cleartext password"):
            PostgresHook(connection=connection).get_conn()
    assert rogue.startups
    assert not rogue.got(PASSWORD)


def test_psycopg2_connects_in_one_place() -> None:
    sources = Path(POSTGRES.load.__func__.__code__.co_filename).parents[1].rglob("*.py")  # type: ignore[attr-defined] # a classmethod
    calls = {path.name for path in sources if re.search(r"(?<!`)psycopg2\.connect\(", path.read_text(encoding="utf-8"))}
    assert calls == {"connector.py", "libpq.py"}, "a line that is opened elsewhere does not know what may go over it"


def test_require_auth_password_allows_it() -> None:
    with RoguePostgres(CLEAR) as rogue:
        assert POSTGRES.doctor(fields_of(rogue, require_auth="password"), 10)[0] is True
    assert rogue.got(PASSWORD)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_a_way_that_require_auth_does_not_name_is_told(
    encrypted: bool, unverified: tuple[ssl.SSLContext, Path]
) -> None:
    with RoguePostgres(MD5, tls=unverified[0] if encrypted else b"N") as server:
        _, verdict = POSTGRES.doctor(fields_of(server, require_auth="password"), 10)
    assert verdict["details"]["fault"] == "auth_not_allowed"


def test_a_unix_socket_does_not_leave_the_machine(tmp_path: Path) -> None:
    with RoguePostgres(CLEAR, path=tmp_path / ".s.PGSQL.5432") as rogue:
        assert POSTGRES.doctor(fields_of(rogue, host=str(tmp_path)), 10)[0] is True
    assert rogue.got(PASSWORD)


def test_an_address_beside_a_socket_is_no_socket(tmp_path: Path) -> None:
    with RoguePostgres(CLEAR) as rogue:
        dsn = f"host={tmp_path} hostaddr=127.0.0.1 port={rogue.port} user=u password={PASSWORD}"
        assert POSTGRES.doctor({"family": "postgres", "alias": "x", "dsn": dsn}, 10)[0] is False
    assert rogue.startups
    assert not rogue.got(PASSWORD)


def test_clear_text_inside_tls_passes_with_require(unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(CLEAR, tls=unverified[0]) as server:
        assert POSTGRES.doctor(fields_of(server, sslmode="require"), 10)[0] is True
        assert POSTGRES.doctor(fields_of(server), 10)[0] is True
    assert server.requests.count(SSL_REQUEST) == 2


@pytest.mark.parametrize("known", [True, False], ids=["verified", "not verified"])
def test_a_server_that_does_not_begin_with_tls_is_told_from_a_broken_one(
    known: bool, unverified: tuple[ssl.SSLContext, Path]
) -> None:
    context, other_root = unverified
    fields = {"sslnegotiation": "direct", "sslmode": "require"}
    if known:
        fields |= {"sslmode": "verify-ca", "sslrootcert": str(other_root)}
    with RoguePostgres(SCRAM if known else MD5, tls=context) as server:
        _, verdict = POSTGRES.doctor(fields_of(server, **fields), 10)
    assert verdict["details"]["fault"] == ("certificate_untrusted" if known else "tls_refused")
    assert known or "sslnegotiation" in verdict["message"]
    assert not server.got(PASSWORD)


def test_a_server_without_tls_costs_a_second_line_and_no_more() -> None:
    with RoguePostgres(MD5) as server:
        assert POSTGRES.doctor(fields_of(server), 10)[0] is True
    assert (server.requests.count(SSL_REQUEST), len(server.startups)) == (1, 1)


def test_a_wrong_password_is_sent_once(unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(MD5, tls=unverified[0], accepts=False) as server:
        _, verdict = POSTGRES.doctor(fields_of(server), 10)
    assert verdict["details"]["fault"] == "wrong_password"
    assert len(server.startups) == 1


def test_a_role_that_no_line_is_open_to_costs_one_login_a_line(unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(error(b"no entry", b"28000"), tls=unverified[0]) as server:
        _, verdict = POSTGRES.doctor(fields_of(server), 10)
    assert verdict["details"]["fault"] == "login_denied"
    assert len(server.startups) == 2, "TLS has not failed, and is not looked into"


def test_a_role_that_no_line_is_open_to_needs_no_tls(unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(error(b"no entry", b"28000"), tls=unverified[0]) as server:
        _, verdict = POSTGRES.doctor(fields_of(server, sslmode="disable"), 10)
    assert verdict["details"]["fault"] == "login_denied"
    assert len(server.startups) == 2, "it was asked over TLS, too"


@pytest.mark.parametrize(("size", "fault"), [(30_000, "wrong_password"), (30_001, "garbage")])
def test_what_is_too_long_for_an_error_is_none(size: int, fault: str) -> None:
    text = b"x" * (size - len(error(b"")) + 1)
    with RoguePostgres(error(text)) as server:
        _, verdict = POSTGRES.doctor(fields_of(server), 10)
    assert len(error(text)) == 1 + size
    assert verdict["details"]["fault"] == fault


class Once(RoguePostgres):
    """A server that says no more once it has let somebody in."""

    def _login(self, sock: socket.socket) -> None:
        if len(self.startups) == 1:
            super()._login(sock)


def test_a_server_that_has_gone_is_no_impostor() -> None:
    """It was of the wrong kind, so libpq ended the login, and whether that is all cannot be asked any more."""
    with Once(MD5, parameters={"in_hot_standby": "off", "default_transaction_read_only": "off"}) as server:
        _, verdict = POSTGRES.doctor(fields_of(server, target_session_attrs="standby"), 10)
    assert verdict["details"] == {"fault": "reset", "retryable": True}


@pytest.mark.parametrize("asks", [MD5, SCRAM], ids=["md5", "scram"])
def test_a_hash_tells_no_password(asks: bytes) -> None:
    with RoguePostgres(asks) as rogue, suppress(ConnectorError):
        POSTGRES.create_client(fields_of(rogue)).close()
    assert rogue.startups
    assert not rogue.got(PASSWORD)


def test_scram_shows_that_the_server_does_not_know_the_password() -> None:
    with RoguePostgres(SCRAM) as rogue:
        _, verdict = POSTGRES.doctor(fields_of(rogue), 10)
        with pytest.raises(NetworkError, match="could not show that it knows the password"):
            POSTGRES.create_client(fields_of(rogue))
    assert verdict["details"] == {"fault": "server_not_proven", "retryable": False}
    assert rogue.answers == 2, "an impostor is not asked again"
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("asks", [CLEAR, MD5, ACCEPTED], ids=["clear", "md5", "nothing"])
def test_require_auth_holds_inside_tls(asks: bytes, unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(asks, tls=unverified[0]) as rogue:
        fields = fields_of(rogue, sslmode="require", require_auth="scram-sha-256")
        _, verdict = POSTGRES.doctor(fields, 10)
    assert verdict["details"]["fault"] == "auth_not_allowed"
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("asks", [CLEAR, MD5, SCRAM], ids=["clear", "md5", "scram without binding"])
def test_channel_binding_unmasks_who_has_another_certificate(
    asks: bytes, unverified: tuple[ssl.SSLContext, Path]
) -> None:
    with RoguePostgres(asks, tls=unverified[0]) as rogue:
        fields = fields_of(rogue, sslmode="require", channel_binding="require")
        _, verdict = POSTGRES.doctor(fields, 10)
    assert verdict["details"]["fault"] == "no_channel_binding"
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full", None])
def test_who_has_an_unknown_certificate_learns_nothing(
    sslmode: str | None, unverified: tuple[ssl.SSLContext, Path]
) -> None:
    context, root = unverified
    with RoguePostgres(CLEAR, tls=context) as rogue:
        fields = fields_of(rogue, sslmode=sslmode, sslrootcert=str(root))
        _, verdict = POSTGRES.doctor(fields, 10)
        with pytest.raises(NetworkError):
            POSTGRES.create_client(fields)
    assert verdict["details"]["fault"] == "certificate_untrusted"
    assert rogue.startups == [], "not even the user's name"


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
def test_tls_cannot_be_stripped(sslmode: str, unverified: tuple[ssl.SSLContext, Path]) -> None:
    with RoguePostgres(CLEAR, tls=b"N") as rogue:
        fields = fields_of(rogue, sslmode=sslmode, sslrootcert=str(unverified[1]))
        _, verdict = POSTGRES.doctor(fields, 10)
    assert verdict["details"]["fault"] == "tls_refused"
    assert rogue.startups == []


@pytest.mark.parametrize("sslmode", ["prefer", "require"])
def test_an_error_before_tls_is_not_shown(sslmode: str) -> None:
    injected = error(b"\x1b[31mpay at http://evil.example", b"00000")
    with RoguePostgres(CLEAR, tls=injected) as rogue:
        _, verdict = POSTGRES.doctor(fields_of(rogue, sslmode=sslmode), 10)
        with pytest.raises(ConnectorError) as raised:
            POSTGRES.create_client(fields_of(rogue, sslmode=sslmode))
    assert "evil" not in f"{verdict} {raised.value!r} {vars(raised.value)}"
    assert not rogue.got(PASSWORD)


@pytest.mark.parametrize("flood", [endless_notices, endless_parameters, huge_error])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_doctor_takes_a_megabyte_and_no_more(
    flood: Flood, encrypted: bool, unverified: tuple[ssl.SSLContext, Path]
) -> None:
    with RoguePostgres(ACCEPTED, tls=unverified[0] if encrypted else b"N", flood=flood) as rogue:
        ok, verdict = POSTGRES.doctor(fields_of(rogue), 10)
        assert (ok, verdict["details"]["fault"]) == (False, "too_much_data")
        # What the operating system has taken and no one has read comes on top.
        assert rogue.sent < CHECK_BYTES + 16 * 1024 * 1024
        # Nor does a client, as long as it logs in.
        with pytest.raises(NetworkError, match="sends without end"):
            POSTGRES.create_client(fields_of(rogue))
        assert rogue.sent < 2 * (CHECK_BYTES + 16 * 1024 * 1024)


def test_texts_of_the_server_do_not_write_on_the_terminal() -> None:
    version = "15.1\x1b]0;owned\x07 \x1b[31mred\x1b[0m \u202eevil\r\n\x9b2J"
    with RoguePostgres(ACCEPTED, parameters={"server_version": version}) as rogue:
        ok, verdict = POSTGRES.doctor(fields_of(rogue), 10)
    assert ok
    assert verdict["details"]["server_version"] == "15.1 red evil"


@pytest.mark.parametrize("code", [b"28P01", b"28000", b"\x1b[31m", b"", b"XX000"])
def test_the_message_of_a_refusal_is_ours(code: bytes) -> None:
    with RoguePostgres(error(b"\x1b[2J\x07" + b"evil " * 100, code)) as rogue:
        _, verdict = POSTGRES.doctor(fields_of(rogue, sslmode="disable"), 10)
    assert re.fullmatch(r"[ -~]+", verdict["message"])
    assert "evil" not in str(verdict)


def test_what_pgbouncer_refuses_is_no_broken_line() -> None:
    """It gives one code to all, a wrong password too, which must not be sent three times."""
    with RoguePostgres(error(b"password authentication failed", b"08P01")) as server:
        _, verdict = POSTGRES.doctor(fields_of(server, sslmode="disable"), 10)
        with pytest.raises(ConnectorError):
            POSTGRES.create_client(fields_of(server, sslmode="disable"))
    assert (verdict["category"], verdict["details"]["fault"]) == ("unknown", "unknown_login")
    assert len(server.startups) == 2


def test_the_startup_message_is_one_that_pgbouncer_takes() -> None:
    given = {"require_auth": "md5", "channel_binding": "prefer", "keepalives_idle": 30, "sslcrl": None}
    with RoguePostgres(MD5) as server:
        POSTGRES.create_client(fields_of(server, **given)).close()
    assert server.startups
    assert all(set(said) <= {"user", "database", "application_name", "client_encoding"} for said in server.startups)
