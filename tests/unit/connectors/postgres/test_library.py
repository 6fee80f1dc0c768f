"""What the environment says is taken over where it can only be stricter, or leads nowhere else; the rest is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from osiris_provider.connectors.postgres.library import default, of_its_own

STRICTER = {
    "require_auth": "scram-sha-256",
    "requirepeer": "postgres",
    "sslcertmode": "disable",
    "sslcrl": "/some/crl.pem",
    "sslcrldir": "/some/crls",
    "channel_binding": "require",
    "ssl_min_protocol_version": "TLSv1.3",
}
NEITHER_WHERE_TO_NOR_WITH_WHAT = {
    "passfile": "/some/pgpass",
    "connect_timeout": "7",
    "gssencmode": "disable",
    "keepalives": "0",
    "keepalives_idle": "7",
    "keepalives_interval": "7",
    "keepalives_count": "7",
    "tcp_user_timeout": "7",
}
OTHERS = {
    "host": "other",
    "hostaddr": "192.0.2.9",
    "port": "1",
    "dbname": "other",
    "password": "c4nary",
    "options": "-c role=other",
    "sslcert": "/other/cert.pem",
    "sslkey": "/other/key.pem",
    "sslrootcert": "system",
    "krbsrvname": "other",
    "target_session_attrs": "standby",
    "channel_binding": "disable",
    "ssl_min_protocol_version": "TLSv1",
    "ssl_max_protocol_version": "TLSv1.2",
}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the service that the environment names: it can say more than variables."""
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "lent")
    return tmp_path / "services"


def pinned(services: Path, **said: str) -> dict[str, str]:
    """Return what libpq is given of its own defaults where a service says something."""
    services.write_text("\n".join(("[lent]", *(f"{name}={value}" for name, value in said.items()), "")))
    return own({"sslmode": "verify-full"})


def own(given: dict[str, str]) -> dict[str, str]:
    # Without a service, too, libpq would take the name of the user of this machine.
    return {name: value for name, value in of_its_own({"user": "u", **given}).items() if name != "user"}


@pytest.mark.parametrize("said", [STRICTER, NEITHER_WHERE_TO_NOR_WITH_WHAT])
def test_what_is_stricter_or_changes_nothing_is_taken_over(said: dict[str, str], services: Path) -> None:
    assert pinned(services, **said) == {"sslmode": "verify-full"}
    for name, value in said.items():
        assert default(name) == value


@pytest.mark.parametrize("name", OTHERS)
def test_what_leads_elsewhere_or_gives_more_away_is_not(name: str, services: Path) -> None:
    assert pinned(services) == {"sslmode": "verify-full"}
    assert pinned(services, **{name: OTHERS[name]}).keys() == {"sslmode", name}
    assert pinned(services, **{name: OTHERS[name]})[name] != OTHERS[name]


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full", "allow", "disable", "prefer"])
def test_a_mode_of_the_environment_can_only_be_stricter(mode: str, services: Path) -> None:
    services.write_text(f"[lent]\nsslmode={mode}\n")
    is_taken_over = mode in ("require", "verify-ca", "verify-full", "prefer")
    assert own({}) == ({} if is_taken_over else {"sslmode": "prefer"})
    assert own({"sslmode": "disable"}) == {"sslmode": "disable"}


@pytest.mark.parametrize(
    ("mode", "vouches"), [("verify-full", False), ("verify-ca", False), ("require", True), ("", True)]
)
def test_an_authority_of_the_environment_vouches_only_where_nothing_else_is_verified(
    mode: str, vouches: bool, services: Path
) -> None:
    services.write_text("[lent]\nsslrootcert=system\n")
    assert ("sslrootcert" not in own({"sslmode": mode})) == vouches
