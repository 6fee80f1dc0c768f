"""A field about security that the family does not know is an error wherever a connection is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.cli.main import main
from osiris_provider.connections.registry import family_names
from osiris_provider.connections.resolve import resolve_connection
from osiris_provider.connections.security_names import is_about_security
from osiris_provider.connectors.airflow_form import from_airflow
from osiris_provider.connectors.registry import get_connector
from osiris_provider.errors import ConnectionConfigError

ABOUT_SECURITY = """
ssl sslmod ssl_mode ssl-mode sslMode useSSL use_ssl requiressl sslrootcert ssl.ca SSL_CA tls tls_version usetls
starttls mtls enableTLS verify verify_ssl sslverify noverify verify-full server_verification auth auth_plugin
basic_auth authentication authorization oauth2 oauth httpauth require_auth authmech cert certs certificate
client_cert cacert clientcert certfile rootcerts ca ca_file cafile ca-bundle caBundle cacerts caPath root_ca rootca
crl crlfile channel_binding channelBinding channel-binding check_hostname server_public_key private_key_path
client_key allow_public_key_retrieval allow_cleartext cleartext encrypt encryption useEncryption insecure
insecureSkipVerify trust_server_certificate truststore keystorePassword ciphers sasl_mechanism gssencmode
krbsrvname kerberos secure
"""
INNOCENT = """
catalog location category cache cascade capacity case camera local scale vacation africa author authors author_name
certain certainty concert title subtitles lossless classlist crossline key keys database databse hots port prot
chraset warehouse schema role account region note notes owner team description timezone password passwrod tokn
decimal cast caller lists tables results hostname host_name caption public private client server binding channel
"""

MYSQL = {"host": "h", "user": "u"}


@pytest.mark.parametrize("name", ABOUT_SECURITY.split())
def test_names_about_security(name: str) -> None:
    assert is_about_security(name)


@pytest.mark.parametrize("name", INNOCENT.split())
def test_innocent_names(name: str) -> None:
    assert not is_about_security(name)


@pytest.mark.parametrize("family", family_names())
@pytest.mark.parametrize("name", ["ssl_moed", "sslModus", "tls_setting", "verify-peer", "my_auth", "clientcert", "ca"])
def test_no_family_passes_over_a_security_field(family: str, name: str) -> None:
    coerced, problems, unknown = get_connector(family).coerce({name: "VERIFY_IDENTITY"})
    assert coerced == {}
    assert [field for field, message in problems if "about security, so it is not ignored" in message] == [name]
    assert unknown == []


@pytest.mark.parametrize("family", family_names())
def test_inside_an_unknown_field_it_is_not_passed_over_either(family: str) -> None:
    _, problems, _ = get_connector(family).coerce({"connect_args": {"deep": {"ssl_modus": "VERIFY_IDENTITY"}}})
    assert any("connect_args.deep.ssl_modus" in message for field, message in problems if field == "connect_args")


def _file(directory: Path, **fields: str) -> Path:
    path = directory / "osiris_connections.yaml"
    written = "".join(f"      {name}: {value}\n" for name, value in {**MYSQL, **fields}.items())
    path.write_text(f"version: 1\nconnections:\n  mysql:\n    default:\n{written}", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_in_the_file_it_is_an_error_with_line_and_near_name(tmp_path: Path) -> None:
    file = _file(tmp_path, ssl_cert_file="/x")
    with pytest.raises(ConnectionConfigError, match=r"field ssl_cert_file: .* Did you mean 'ssl_cert'\?") as raised:
        resolve_connection("@mysql.default", file)
    assert str(raised.value).startswith(f"{file}:7: @mysql.default: ")


Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["connections", *arguments, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_validate_reports_it_also_without_variables(tmp_path: Path, run: Run) -> None:
    file = _file(tmp_path, tls_modus="${NEVER_SET_ANYWHERE}", databse="x")
    code, answer = run("validate", "--no-variables", "--file", str(file))
    assert (code, [problem["field"] for problem in answer["problems"]]) == (3, ["tls_modus"])
    assert [warning["field"] for warning in answer["warnings"]] == ["databse"]


def test_doctor_of_the_file_reports_it(tmp_path: Path, run: Run) -> None:
    code, answer = run("doctor", "@mysql.default", "--file", str(_file(tmp_path, verify_peer="true")))
    assert (code, answer["ok"], answer["details"]["fault"]) == (3, False, "misconfigured")
    assert "field verify_peer" in answer["message"]


def test_doctor_of_a_dict_reports_it() -> None:
    connection = {"family": "mysql", "alias": "x", **MYSQL, "channel-binding": "require"}
    ok, verdict = get_connector("mysql").doctor(connection)
    assert (ok, verdict["details"]["fault"]) == (False, "misconfigured")
    assert "field channel-binding" in verdict["message"]


def test_in_the_extra_of_airflow_it_is_an_error() -> None:
    extra = json.dumps({"ssl_modus": "VERIFY_IDENTITY"})
    with pytest.raises(ConnectionConfigError, match="Airflow connection osiris_mysql_x: field ssl_modus is not known"):
        from_airflow("mysql", {"host": "h", "login": "u", "extra": extra}, "x")


@pytest.mark.parametrize(
    ("family", "name", "advice"),
    [
        ("postgres", "ssl", "so it is not ignored. Fields of that kind are sslmode, sslrootcert"),
        ("postgres", "sslmod", "Did you mean 'sslmode'?"),
        ("postgres", "channel-bindign", "Did you mean 'channel_binding'?"),
        ("postgres", "slmode", "Did you mean 'sslmode'?"),
        ("postgres", "requrie_atuh", "Did you mean 'require_auth'?"),
        ("api", "c_bundle", "Did you mean 'ca_bundle'?"),
        ("mysql", "tls", "so it is not ignored. Fields of that kind are "),
    ],
)
def test_the_advice_names_the_right_field_or_all(family: str, name: str, advice: str) -> None:
    _, problems, _ = get_connector(family).coerce({"host": "h", "user": "u", name: "x"})
    assert advice in dict(problems)[name]


@pytest.mark.parametrize("name", ["databse", "hots", "prot", "usr", "pasword", "chraset", "connect_timout", "note"])
def test_a_misspelling_of_another_field_is_a_warning(name: str) -> None:
    _, _, unknown = get_connector("mysql").coerce({"host": "h", "user": "u", name: "x"})
    assert unknown == [name]


def test_an_empty_one_asks_for_nothing(tmp_path: Path) -> None:
    assert "tls_modus" not in resolve_connection("@mysql.default", _file(tmp_path, tls_modus="~"))


@pytest.mark.parametrize("spelling", ["sslmode", "ssl_mode", "ssl-mode"])
def test_the_ways_to_write_sslmode(spelling: str) -> None:
    coerced, problems, _ = get_connector("postgres").coerce({"host": "h", "user": "u", spelling: "verify-full"})
    assert (problems, coerced.get("sslmode")) == ([], "verify-full")
