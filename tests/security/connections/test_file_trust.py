"""A connections file that another user has planted, or can read."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from osiris_provider.cli.main import main
from osiris_provider.connections import list_connections, load, trust
from osiris_provider.connections.listing import secret_variables
from osiris_provider.connections.reader import FILE_NAME
from osiris_provider.connections.validate import validate_file
from osiris_provider.errors import ConnectionConfigError

from tests.servers.apis.http import HttpServer, Reply, Request

CANARY = "canary-of-the-environment"
GiveAway = Callable[[Path], None]


class Listener(HttpServer):
    """The host that the planted file names; it keeps what it is sent."""

    def answer(self, _request: Request) -> Reply:
        return Reply.of_json({})


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        yield server


@pytest.fixture
def planted(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the working directory that sends a secret of the environment to the listener."""
    monkeypatch.delenv("OSIRIS_HOME", raising=False)
    monkeypatch.delenv("AIRFLOW__OSIRIS__CONNECTIONS_FILE", raising=False)
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("SHOP_PASSWORD", CANARY)
    directory = tmp_path / "shared"
    directory.mkdir()
    monkeypatch.chdir(directory)
    path = directory / FILE_NAME
    path.write_text(
        f"version: 1\nconnections:\n  api:\n    shop: {{base_url: '{listener.origin}', "
        "api_key: '${SHOP_PASSWORD}'}\n"
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def give_away(monkeypatch: pytest.MonkeyPatch) -> GiveAway:
    """Make a file another user's: really, if root runs the tests, else by taking another user id for ours."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 4321, -1, follow_symlinks=False)
        else:
            mine = os.geteuid()
            monkeypatch.setattr(os, "geteuid", lambda: mine + 1)

    return give


def sent(listener: Listener) -> str:
    return repr([(request.path, request.headers, request.body) for request in listener.requests])


@pytest.mark.usefixtures("planted")
def test_a_file_of_our_own_is_used(listener: Listener) -> None:
    main(["connections", "doctor"])
    assert CANARY in sent(listener), "else the tests below prove nothing"


def test_a_planted_file_gets_no_secret(
    planted: Path, listener: Listener, give_away: GiveAway, capsys: pytest.CaptureFixture[str]
) -> None:
    give_away(planted)
    assert main(["connections", "doctor"]) == 3
    assert CANARY not in sent(listener)
    said = capsys.readouterr().err
    for part in (
        "working directory",
        "is owned by user",
        "--file",
        f"OSIRIS_HOME={planted.parent}",
        "connections_file",
    ):
        assert part in said


@pytest.mark.parametrize("mode", [0o602, 0o606, 0o622, 0o666])
def test_a_file_that_others_can_write_is_refused(planted: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_is_private", lambda _gid: False)
    planted.chmod(mode)
    with pytest.raises(ConnectionConfigError, match=r"other users can write to .*osiris_connections.yaml.*chmod"):
        list_connections()


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o660])
def test_a_private_group_is_no_other_user(planted: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_is_private", lambda _gid: True)
    planted.chmod(mode)
    assert list_connections()


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o1777, False), (0o755, False)])
@pytest.mark.parametrize("level", ["parent", "grandparent"])
def test_a_directory_in_which_others_can_exchange_the_file_is_refused(
    planted: Path, level: str, mode: int, refused: bool
) -> None:
    directory = planted.parent if level == "parent" else planted.parent.parent
    directory.chmod(mode)
    try:
        if refused:
            with pytest.raises(ConnectionConfigError, match=f"other users can write to its directory {directory}"):
                list_connections()
        else:
            assert list_connections()
    finally:
        directory.chmod(0o700)


def test_a_link_of_another_user_is_refused(planted: Path, give_away: GiveAway, tmp_path: Path) -> None:
    planted.rename(tmp_path / "real.yaml")
    planted.symlink_to(tmp_path / "real.yaml")
    assert list_connections()
    give_away(planted)
    with pytest.raises(ConnectionConfigError, match="is owned by user"):
        list_connections()


def test_a_link_to_a_directory_of_others_is_refused(planted: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    planted.rename(tmp_path / "open" / "real.yaml")
    planted.symlink_to(tmp_path / "open" / "real.yaml")
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(ConnectionConfigError, match=f"other users can write to its directory {tmp_path / 'open'}"):
        list_connections()


def test_sudo_trusts_who_called_it(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = planted.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(owner))
    assert list_connections()
    assert trust._trusted_users() == {0, owner}  # noqa: SLF001 - the rule itself
    monkeypatch.setattr(os, "geteuid", lambda: 77)
    assert trust._trusted_users() == {0, 77}, "only root runs under sudo"  # noqa: SLF001


@pytest.mark.parametrize("how", ["file", "home", "option", "airflow_home"])
def test_a_file_that_is_named_is_used_with_a_warning(
    planted: Path,
    give_away: GiveAway,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    give_away(planted)
    monkeypatch.setenv("AIRFLOW_HOME", str(planted.parent) if how == "airflow_home" else "/nowhere")
    if how == "home":
        monkeypatch.setenv("OSIRIS_HOME", str(planted.parent))
    if how == "option":
        monkeypatch.setenv("AIRFLOW__OSIRIS__CONNECTIONS_FILE", str(planted))
    with caplog.at_level(logging.WARNING):
        assert list_connections(planted if how == "file" else None)
        assert list_connections(planted if how == "file" else None)
    assert [record.message.count("is owned by user") for record in caplog.records] == [1]


def test_validate_warns_of_literal_secrets_that_others_can_read(planted: Path) -> None:
    planted.write_text(
        "version: 1\nconnections:\n  mysql:\n"
        "    literal: {host: h, user: u, password: canary}\n"
        "    escaped: {host: h, user: u, password: '$${X}'}\n"
        "    variable: {host: h, user: u, password: '${SHOP_PASSWORD}'}\n"
        "  api:\n    nested: {base_url: https://h, headers: {X-Key: canary}}\n"
    )
    planted.chmod(0o644)
    warnings = validate_file(planted)[2]
    assert [(problem.reference, problem.field, problem.line) for problem in warnings] == [
        ("@mysql.literal", "password", 4),
        ("@mysql.escaped", "password", 5),
        ("@api.nested", "headers", 8),
    ]
    assert all("other users can read" in problem.message and "chmod 600" in problem.message for problem in warnings)
    assert "canary" not in repr(warnings)
    planted.chmod(0o600)
    assert validate_file(planted)[2] == []


@pytest.mark.parametrize(
    ("extra", "is_secret"),
    [
        ("{account: VALUE}", False),
        ("{account: '${ACCOUNT}', token: VALUE}", True),
        ("{login: {by: {account: VALUE}}}", False),
        ("{login: {by: {account: CZ, token: VALUE}}}", True),
        ("{logins: [{account: VALUE}, VALUE]}", False),
        ("{logins: [{account: CZ}, {token: VALUE}]}", True),
        ("{credentials: {key: VALUE, scopes: ['${SCOPE}', true], note: ''}}", True),
        ("VALUE", True),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_names_in_an_object_say_what_is_secret_however_it_is_written(
    planted: Path, extra: str, is_secret: bool, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_LATEST", {})
    planted.chmod(0o644)

    def warnings(value: str) -> list[str | None]:
        said = extra.replace("VALUE", value)
        written = "'" + json.dumps(yaml.safe_load(said)).replace("'", "''") + "'" if as_json else said
        fields = f"{{conn_type: generic, extra: {written}}}"
        planted.write_text(f"version: 1\nconnections:\n  airflow:\n    one: {fields}\n")
        return [one.field for one in validate_file(planted, variables=False)[2] if "holds a secret" in one.message]

    assert warnings("canary") == ["extra"] * is_secret
    assert warnings("'${CANARY}'") == []
    # What checks of other connections are not started with.
    assert ("CANARY" in secret_variables()) == is_secret


def test_validate_warns_of_a_file_that_others_can_write(planted: Path) -> None:
    planted.chmod(0o602)
    assert ["other users can write" in problem.message for problem in validate_file(planted)[2]] == [True]


@pytest.fixture
def config_map(tiny_disk: Path, planted: Path) -> Path:
    """The file in a volume as Kubernetes makes it: links lead to it, and all may write to the directory."""
    data = tiny_disk / "..2026_11_29"
    data.mkdir()
    shutil.copy(planted, data)
    (tiny_disk / "..data").symlink_to(data.name)
    path = tiny_disk / FILE_NAME
    path.symlink_to(Path("..data") / FILE_NAME)
    tiny_disk.chmod(0o777)
    return path


@pytest.mark.parametrize(("options", "warnings"), [("rw", 1), ("ro", 0)])
def test_what_cannot_be_corrected_on_a_read_only_mount_is_no_warning(
    config_map: Path, options: str, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    subprocess.run([shutil.which("mount") or "", "-o", f"remount,{options}", config_map.parent], check=True)
    with caplog.at_level(logging.WARNING):
        assert list_connections(config_map)
    assert [record.message.count("other users can write to its directory") for record in caplog.records] == [
        1
    ] * warnings


def test_a_link_to_a_read_only_mount_is_only_as_good_as_its_directory(
    config_map: Path, planted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    subprocess.run([shutil.which("mount") or "", "-o", "remount,ro", config_map.parent], check=True)
    planted.unlink()
    planted.symlink_to(config_map)
    with caplog.at_level(logging.WARNING):
        assert list_connections(planted.absolute())
    assert ["other users can write to its directory" in record.message for record in caplog.records] == [True]
    with pytest.raises(ConnectionConfigError, match="other users can write to its directory"):
        list_connections()
