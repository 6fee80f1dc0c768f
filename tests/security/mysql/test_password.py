"""A MySQL password goes to no one who merely asks: every plugin, line and field, against a server that asks for all."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from osiris_provider.connectors import get_connector
from osiris_provider.errors import AuthError, ConnectionConfigError, MissingPackageError
from pymysql import _auth

from .rogue import CLEAR, SHA2, RogueMySQL, Script, public_pem, rogue

CONNECTOR: Final = get_connector("mysql")
PASSWORD: Final = "correct horse, Ünïcode battery"
GREETINGS: Final = ("mysql_native_password", *SHA2, *CLEAR, "mysql_old_password", "no_such_plugin")
SWITCHES: Final = (None, "", *GREETINGS)
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rogue")


@pytest.fixture(scope="module")
def authority(directory: Path) -> trustme.CA:
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(directory / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(directory / "other-ca.pem"))
    (directory / "key.pem").write_bytes(public_pem(rsa.generate_private_key(65537, 2048)))
    return issuer


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def at(server: RogueMySQL, directory: Path, **fields: Any) -> Fields:
    """Return a connection to the rogue; texts that end in ``.pem`` are files of the directory."""
    files = {name: str(directory / value) for name, value in fields.items() if str(value).endswith(".pem")}
    address = {"host": "127.0.0.1", "port": server.port, "user": "app", "password": PASSWORD}
    return {"family": "mysql", "alias": "test", **address, **fields, **files}


def scripts(tls: ssl.SSLContext | None) -> Iterator[Script]:
    """Yield everything that a server may begin with and ask for next; a handshake of TLS takes its time."""
    for greeting in GREETINGS[:3] if tls else GREETINGS:
        for switch in SWITCHES:
            yield Script(greeting, switch, tls)


def told(script: Script, directory: Path, **fields: Any) -> bool:
    """Return whether doctor gave the password away, or a form of it that gives it away."""
    with rogue(script) as server:
        ok, verdict = CONNECTOR.doctor(at(server, directory, **fields), 5)
        assert not ok, verdict
        server.wait()
        return server.knows(PASSWORD.encode())


ON_A_PLAIN_LINE: Final[list[tuple[Fields, tuple[str, ...]]]] = [
    ({}, ()),
    ({"ssl": False}, ()),
    ({"ssl_mode": "PREFERRED"}, ()),
    ({"ssl": True}, ()),
    ({"ssl_ca": "ca.pem"}, ()),
    ({"ssl_mode": "VERIFY_IDENTITY"}, ()),
    ({"server_public_key": "key.pem"}, ()),
    ({"server_public_key": "key.pem", "allow_public_key_retrieval": True}, ()),
    ({"allow_public_key_retrieval": True}, SHA2),
    ({"allow_cleartext_password": True}, CLEAR),
]
"""The fields of a connection, and the plugins by which they let a server have the password that offers no TLS."""


@pytest.mark.parametrize(("fields", "allowed"), ON_A_PLAIN_LINE)
@pytest.mark.usefixtures("authority")
def test_no_password_on_a_plain_line_unless_the_connection_says_so(
    fields: Fields, allowed: tuple[str, ...], directory: Path
) -> None:
    wrong = [script for script in scripts(None) if told(script, directory, **fields) != (script.plugin in allowed)]
    assert not wrong


@pytest.mark.parametrize("fields", [{"ssl": False}, {"ssl_mode": "disabled"}])
def test_no_password_where_tls_is_offered_and_never_wanted(
    fields: Fields, directory: Path, tls: ssl.SSLContext
) -> None:
    assert not [script for script in scripts(tls) if told(script, directory, **fields)]


INSIDE_TLS: Final[list[tuple[Fields, tuple[str, ...]]]] = [
    ({}, SHA2),
    ({"ssl": True}, SHA2),
    ({"ssl_mode": "REQUIRED"}, SHA2),
    ({"ssl": True, "allow_cleartext_password": True}, (*SHA2, *CLEAR)),
    ({"ssl_ca": "other-ca.pem", "allow_cleartext_password": True}, ()),
    ({"ssl_ca": "other-ca.pem", "ssl_verify": "ca"}, ()),
    ({"ssl_ca": "ca.pem"}, ()),
    ({"ssl_verify": True}, ()),
]
"""As above, for a server that does offer it, at an address that its certificate does not name."""


@pytest.mark.parametrize(("fields", "allowed"), INSIDE_TLS)
def test_no_cleartext_password_without_verified_tls(
    fields: Fields, allowed: tuple[str, ...], directory: Path, tls: ssl.SSLContext
) -> None:
    wrong = [script for script in scripts(tls) if told(script, directory, **fields) != (script.plugin in allowed)]
    assert not wrong


@pytest.mark.parametrize("plugin", [*SHA2, *CLEAR])
@pytest.mark.parametrize("fields", [{"host": "localhost"}, {"ssl_verify": "ca"}])
def test_every_plugin_works_over_verified_tls(
    plugin: str, fields: Fields, directory: Path, tls: ssl.SSLContext
) -> None:
    with rogue(Script(switch=plugin, tls=tls, welcome=True)) as server:
        CONNECTOR.create_client(at(server, directory, ssl_ca="ca.pem", **fields)).close()
        assert PASSWORD.encode() + b"\0" in server.heard


@pytest.mark.parametrize(("greeting", "switch"), [("mysql_native_password", None), (SHA2[0], "mysql_native_password")])
def test_a_proxy_that_takes_a_hash_is_let_have_it(greeting: str, switch: str | None, directory: Path) -> None:
    """ProxySQL and the like greet with one plugin, ask for another, and have no TLS."""
    with rogue(Script(greeting, switch, welcome=True)) as server:
        CONNECTOR.create_client(at(server, directory)).close()
        server.wait()
        assert not server.knows(PASSWORD.encode())


@pytest.mark.parametrize(
    ("plugin", "fields", "fault", "advice"),
    [
        ("caching_sha2_password", {}, "no_public_key", "Set ssl: true; or server_public_key"),
        ("sha256_password", {"ssl": False}, "no_public_key", "allow_public_key_retrieval: true"),
        ("mysql_clear_password", {}, "clear_password", "Set ssl_ca or ssl_verify: true"),
        ("dialog", {}, "clear_password", "allow_cleartext_password: true"),
        ("mysql_old_password", {}, "login_method", "a login method other than"),
        ("", {}, "login_method", "a login method other than"),
    ],
)
def test_what_is_refused_says_what_to_set(
    plugin: str, fields: Fields, fault: str, advice: str, directory: Path
) -> None:
    with rogue(Script(switch=plugin)) as server:
        connection = at(server, directory, **fields)
        with pytest.raises(AuthError, match=advice) as raised:
            CONNECTOR.create_client(connection)
        assert raised.value.fault.slug == fault
        server.wait()
        # Real servers count logins that are broken off, and then refuse every program of the machine.
        assert b"\0" in server.heard
        assert not server.knows(PASSWORD.encode())


def test_a_server_that_pretends_to_have_no_tls_hears_nothing(directory: Path) -> None:
    with rogue(Script()) as server:
        _, verdict = CONNECTOR.doctor(at(server, directory, ssl=True), 5)
        assert verdict["details"]["fault"] == "tls_refused"
        server.wait()
        assert b"".join(server.heard) == b""


@pytest.mark.usefixtures("authority")
def test_a_key_file_that_is_none_is_an_error_of_the_connection(directory: Path) -> None:
    for name in ("ca.pem", "no-such-file.pem"):
        with rogue(Script()) as server, pytest.raises(ConnectionConfigError, match="server_public_key"):
            CONNECTOR.create_client(at(server, directory, server_public_key=name))


def test_a_method_that_needs_a_package_says_which(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_auth, "_nacl_bindings", None)
    monkeypatch.setitem(sys.modules, "nacl", None)
    with rogue(Script(switch="client_ed25519")) as server:
        with pytest.raises(MissingPackageError, match="pip install pynacl"):
            CONNECTOR.create_client(at(server, directory))
        _, verdict = CONNECTOR.doctor(at(server, directory), 5)
        assert "pip install pynacl" in verdict["message"]
        assert not server.knows(PASSWORD.encode())
