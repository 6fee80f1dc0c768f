"""Over which lines libpq is to log in, one after the other, and what may go out over each (CONN-017)."""

from __future__ import annotations

import pytest
from osiris_provider.connectors.postgres.auth import checked_ways, for_other_clients, lines
from osiris_provider.connectors.postgres.library import Parameters
from osiris_provider.errors import ConnectionConfigError

PLAIN, TLS = ("disable", "!password"), ("require", "")
SOCKETS = ({"host": "/run"}, {"host": "@abstract"})
AS_IT_IS = ({"require_auth": "password"}, {"require_auth": "md5,password"}, {"gssencmode": "require"}, *SOCKETS)


def tried(**given: str) -> list[tuple[str, str]]:
    """Return the mode of each line, and the ways to log in over it."""
    tried = lines(Parameters({"host": "h", **given}))
    assert {line["password"] for line in tried} == {given.get("password", "")}
    return [(line["sslmode"], line.get("require_auth", "")) for line in tried]


@pytest.mark.parametrize("password", [{}, {"password": "right"}])
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ({}, [TLS, PLAIN]),
        ({"sslmode": ""}, [TLS, PLAIN]),
        ({"sslmode": "prefer"}, [TLS, PLAIN]),
        ({"sslmode": "allow"}, [PLAIN, TLS]),
        ({"sslmode": "disable"}, [PLAIN]),
        ({"sslmode": "require"}, [TLS]),
        ({"sslmode": "verify-ca"}, [("verify-ca", "")]),
        ({"sslmode": "verify-full"}, [("verify-full", "")]),
    ],
)
def test_conn_017_the_lines_that_a_mode_allows(
    mode: dict[str, str], password: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert tried(**mode, **password) == expected
    careful = for_other_clients(Parameters({"host": "h", **mode}))
    assert careful.get("require_auth", "") == ("!password" if PLAIN in expected else "")
    assert careful.get("sslmode") == mode.get("sslmode")


@pytest.mark.parametrize("given", AS_IT_IS)
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_conn_017_where_a_password_may_go_out_libpq_chooses_the_line(mode: str, given: dict[str, str]) -> None:
    assert tried(sslmode=mode, **given) == [(mode, given.get("require_auth", ""))]
    parameters = Parameters({"host": "h", "sslmode": mode, **given})
    assert for_other_clients(parameters) == parameters


@pytest.mark.parametrize("given", [{"host": "/run", "hostaddr": "127.0.0.1"}, {"gssencmode": "prefer"}])
def test_conn_017_what_does_not_keep_a_line_from_others_changes_nothing(given: dict[str, str]) -> None:
    assert tried(**given) == [TLS, PLAIN]


@pytest.mark.parametrize(
    ("given", "on_a_plain_line"),
    [("md5", "md5"), ("!md5", "!md5,!password"), ("!password", "!password"), ("!md5,!password", "!md5,!password")],
)
def test_conn_017_ways_that_a_connection_names_are_kept(given: str, on_a_plain_line: str) -> None:
    assert tried(require_auth=given) == [("require", given), ("disable", on_a_plain_line)]


@pytest.mark.parametrize("name", ["PGSSLMODE", "PGREQUIREAUTH"])
def test_conn_017_the_environment_counts_where_a_connection_says_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, {"PGSSLMODE": "require", "PGREQUIREAUTH": "md5"}[name])
    assert tried() == ([TLS] if name == "PGSSLMODE" else [TLS, ("disable", "md5")])
    careful = for_other_clients(Parameters({"host": "h"}))
    assert careful.get("require_auth", "") == ("" if name == "PGSSLMODE" else "md5")


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_conn_017_a_libpq_that_can_keep_no_password_back_makes_no_plain_line(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psycopg2.extensions.libpq_version", lambda: 159999)
    for use in (lines, for_other_clients):
        with pytest.raises(ConnectionConfigError, match="sslmode: require") as raised:
            use(Parameters({"host": "h", "sslmode": mode}))
        assert raised.value.field == "sslmode"
    assert tried(sslmode="require") == [TLS]
    assert tried(sslmode=mode, host="/run") == [(mode, "")]
    monkeypatch.setattr("psycopg2.extensions.libpq_version", lambda: 160000)
    assert PLAIN in tried(sslmode=mode)


@pytest.mark.parametrize("text", ["none", "password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "!none,!oauth"])
def test_conn_008_ways_that_libpq_knows(text: str) -> None:
    assert checked_ways(text) == text
    assert checked_ways(f" {text.replace(',', ' , ')} ") == text


@pytest.mark.parametrize(
    "text", ["", ",", "md5,", "MD5", "guess", "!guess", "! md5", "md5,!gss", "!md5,gss", "md5,md5"]
)
def test_conn_008_ways_that_it_would_only_say_something_of(text: str) -> None:
    with pytest.raises(ValueError, match="gss, md5, none, oauth, password, scram-sha-256, sspi"):
        checked_ways(text)
