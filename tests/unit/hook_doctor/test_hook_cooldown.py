"""Credentials that a server has refused are not tried again for a while, and corrected ones are at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import AuthError, ConnectionConfigError
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.hook_doctor import cooldown as cooldowns
from osiris_provider.hook_doctor.cooldown import Cooldown
from osiris_provider.net.deadline import Deadline

PASSWORD = "Canary9f1-Zq7"
CONNECTION = HookConnection(
    "c", "smtp", host="mail.example.com", port=25, login="loader", password=PASSWORD, extra={"token": PASSWORD + "t"}
)


@pytest.fixture
def cooldown(tmp_path: Path) -> Cooldown:
    return Cooldown(6.0, tmp_path / "cooldown")


def test_refused_credentials_wait_and_other_ones_do_not(cooldown: Cooldown, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cooldown.refusal(CONNECTION) is None
    cooldown.forget(CONNECTION)
    assert not cooldown.folder.exists()
    cooldown.keep(CONNECTION, "wrong_password")
    # Another process looks.
    again = Cooldown(6.0, cooldown.folder)
    known = again.refusal(CONNECTION)
    assert known is not None
    assert known.fault == "wrong_password"
    texts = dict.fromkeys(("conn_id", "conn_type", "host", "login", "password", "schema"), "other")
    corrections: dict[str, Any] = {**texts, "port": 26, "extra": {"token": "other"}}
    for name, corrected in corrections.items():
        assert again.refusal(replace(CONNECTION, **{name: corrected})) is None, name
    # Where the clock was set back, nothing that it says is believed.
    for seconds, waits in ((0, True), (6 * 3600 - 1, True), (6 * 3600, False), (-1, False)):
        monkeypatch.setattr(time, "time", lambda now=known.at + seconds: now)
        assert (again.refusal(CONNECTION) is not None) == waits, seconds


@pytest.mark.parametrize("deep", [False, True])
def test_credentials_that_are_corrected_in_a_file_are_tried_at_once(
    deep: bool, cooldown: Cooldown, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    file.write_text("an old key")
    extra = {"ssl": {"key": str(file)}} if deep else {"key_path": str(file)}
    connection = replace(CONNECTION, password=None, extra=extra)
    cooldown.keep(connection, "unauthorized")
    assert cooldown.refusal(connection) is not None
    file.write_text("a new key")
    assert cooldown.refusal(connection) is None


def test_a_file_is_read_though_that_takes_a_moment(
    cooldown: Cooldown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.json"
    file.write_text("a key")
    connection = replace(CONNECTION, password=None, extra={"key_path": str(file)})
    stat_of = os.stat

    def slow(path: Any, **options: Any) -> os.stat_result:
        time.sleep(0.05)
        return stat_of(path, **options)

    monkeypatch.setattr(os, "stat", slow)
    # However busy this machine is.
    monkeypatch.setattr(cooldowns, "MAX_READ", 60 * cooldowns.MAX_READ)
    cooldown.keep(connection, "unauthorized")
    assert cooldown.refusal(connection) is not None


def test_no_file_stays_open(cooldown: Cooldown, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key")
    connection = replace(CONNECTION, extra={"key_path": str(tmp_path / "key")})

    def use() -> int:
        cooldown.keep(connection, "wrong_password")
        cooldown.refusal(connection)
        cooldown.folder.chmod(0o777)
        cooldown.refusal(connection)
        cooldown.folder.chmod(0o700)
        cooldown.forget(connection)
        return len(os.listdir("/proc/self/fd"))

    assert use() == use()


def test_a_file_that_is_named_below_the_home_directory_counts(
    cooldown: Cooldown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("an old key")
    connection = replace(CONNECTION, extra={"key_file": "~/key"})
    cooldown.keep(connection, "wrong_password")
    (tmp_path / "key").write_text("a new key")
    assert cooldown.refusal(connection) is None


@pytest.mark.parametrize(
    ("extra", "is_kept"),
    [
        ({}, False),
        ({"region_name": "eu-west-1", "profile_name": "loader"}, False),
        ({"role_arn": "arn:aws:iam::123456789012:role/loader", "token": ""}, False),
        ({"key_path": "/nowhere/key.json", "config": "/dev", "text": "a/b\0"}, False),
        ({"aws_secret_access_key": PASSWORD}, True),
        ({"headers": {"X-Api-Key": PASSWORD}}, True),
    ],
)
def test_credentials_that_this_machine_has_are_tried_each_time(
    extra: dict[str, Any], is_kept: bool, cooldown: Cooldown
) -> None:
    connection = replace(CONNECTION, password=None, extra=extra)
    cooldown.keep(connection, "unauthorized")
    assert (cooldown.refusal(connection) is not None) is is_kept


def test_a_pipe_that_is_named_keeps_nobody_waiting(cooldown: Cooldown, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    connection = replace(CONNECTION, extra={"key_file": str(tmp_path / "pipe")})
    cooldown.keep(connection, "wrong_password")
    assert cooldown.refusal(connection) is not None


def test_accepted_credentials_end_it(cooldown: Cooldown) -> None:
    cooldown.keep(CONNECTION, "wrong_password")
    cooldown.forget(CONNECTION)
    assert cooldown.refusal(CONNECTION) is None
    assert list(cooldown.folder.iterdir()) == []


def test_credentials_that_json_does_not_know_are_credentials(cooldown: Cooldown) -> None:
    today, tomorrow = (replace(CONNECTION, extra={"token": date(2027, 1, day)}) for day in (1, 2))
    cooldown.keep(today, "wrong_password")
    assert (cooldown.refusal(today) is not None, cooldown.refusal(tomorrow)) == (True, None)
    assert HookConnection.from_json(today.as_json()).extra == {"token": "2027-01-01"}


def test_without_hours_nothing_is_kept(tmp_path: Path) -> None:
    cooldown = Cooldown(0, tmp_path / "cooldown")
    cooldown.keep(CONNECTION, "wrong_password")
    assert cooldown.refusal(CONNECTION) is None
    assert not cooldown.folder.exists()


def test_the_file_tells_nothing_of_the_connection(cooldown: Cooldown) -> None:
    cooldown.keep(CONNECTION, "wrong_password")
    (file,) = cooldown.folder.iterdir()
    assert (cooldown.folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    text = file.name + file.read_text()
    assert not [word for word in (PASSWORD, "loader", "mail", "smtp") if word in text]
    # Two bytes: one guess in 65,536 fits, so that no guess can be confirmed.
    assert len(json.loads(file.read_text())["fingerprint"]) == 4


def test_the_fingerprint_has_a_salt(cooldown: Cooldown) -> None:
    texts = set()
    for _ in range(3):
        cooldown.keep(CONNECTION, "wrong_password")
        (file,) = cooldown.folder.iterdir()
        texts.add(file.read_text())
    assert len({json.loads(text)["salt"] for text in texts}) == 3


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"at": "x"}', '{"at": 1e400, "fault": 1, "salt": "", "fingerprint": "é"}']
)
def test_a_damaged_file_says_nothing(cooldown: Cooldown, text: str) -> None:
    cooldown.keep(CONNECTION, "wrong_password")
    (file,) = cooldown.folder.iterdir()
    file.write_text(text)
    assert cooldown.refusal(CONNECTION) is None


def test_a_folder_of_others_is_neither_read_nor_written(cooldown: Cooldown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooldowns, "_memory", {})
    cooldown.keep(CONNECTION, "wrong_password")
    cooldown.folder.chmod(0o777)
    assert cooldown.refusal(CONNECTION) is None
    # This process knows all the same.
    cooldown.keep(CONNECTION, "wrong_password")
    assert cooldown.refusal(CONNECTION) is not None


def test_a_link_is_not_followed(cooldown: Cooldown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooldowns, "_memory", {})
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", cooldown.folder)
    cooldown.keep(CONNECTION, "wrong_password")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_this_process_knows_ends_with_accepted_credentials_too(
    cooldown: Cooldown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cooldowns, "_memory", {})
    cooldown.folder.mkdir(mode=0o777)
    cooldown.folder.chmod(0o777)
    cooldown.keep(CONNECTION, "wrong_password")
    assert cooldown.refusal(replace(CONNECTION, password="other")) is None
    cooldown.forget(CONNECTION)
    assert cooldown.refusal(CONNECTION) is None


def test_a_pipe_in_its_place_keeps_nobody_waiting(cooldown: Cooldown) -> None:
    cooldown.keep(CONNECTION, "wrong_password")
    (file,) = cooldown.folder.iterdir()
    file.unlink()
    os.mkfifo(file)
    assert cooldown.refusal(CONNECTION) is None


def test_a_file_that_cannot_be_put_in_its_place_is_removed(cooldown: Cooldown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooldowns, "_memory", {})
    cooldown.keep(CONNECTION, "wrong_password")
    (file,) = cooldown.folder.iterdir()
    file.unlink()
    file.mkdir()
    cooldown.keep(CONNECTION, "locked")
    assert list(cooldown.folder.iterdir()) == [file]
    known = cooldown.refusal(CONNECTION)
    assert known is not None
    assert known.fault == "locked"


@pytest.mark.parametrize(("written", "hours"), [(None, 6.0), ("0", 0.0), ("0.5", 0.5), ("48", 48.0), ("1e300", 1e6)])
def test_the_setting_says_for_how_long(
    written: str | None, hours: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    if written is not None:
        monkeypatch.setenv("AIRFLOW__OSIRIS__AUTH_COOLDOWN_HOURS", written)
    cooldown = Cooldown.from_settings()
    assert (cooldown.hours, cooldown.folder) == (hours, tmp_path / "osiris_cooldown")
    assert cooldown.until(cooldowns.Refusal(time.time(), "wrong_password", "", "")).endswith("Z")


@pytest.mark.parametrize("hours", ["-1", "nan", "six", "inf"])
def test_the_setting_is_a_number_of_hours(hours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__AUTH_COOLDOWN_HOURS", hours)
    with pytest.raises(ConnectionConfigError, match="auth_cooldown_hours"):
        check_hook(CONNECTION, Deadline(1))


def test_the_verdict_says_since_when_and_when_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    Cooldown.from_settings().keep(CONNECTION, "wrong_password")
    with pytest.raises(AuthError) as raised:
        check_hook(CONNECTION, Deadline(1))
    assert raised.value.fault.slug == "wrong_password"
    since, until = (cooldowns.iso(time.time() + hours * 3600)[:13] for hours in (0, 6))
    assert f"mail.example.com:25 refused these credentials at {since}" in str(raised.value)
    assert f"not before {until}" in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_what_does_not_answer_when_it_is_read_keeps_no_one_waiting(
    cooldown: Cooldown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mount whose server has gone: all who touch a file there wait without end."""
    file = tmp_path / "key.json"
    file.write_text("a key")
    connection = replace(CONNECTION, conn_id="on a dead mount", extra={"key_path": str(file)})
    cooldown.keep(connection, "wrong_password")
    came_back = threading.Event()
    stat_of = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: came_back.wait(60.0) and stat_of(path, **options))
    began = time.monotonic()
    # No login too many.
    assert [cooldown.refusal(connection) is not None for _ in range(3)] == [True] * 3
    cooldown.keep(replace(connection, login="another"), "wrong_password")
    assert time.monotonic() - began < 10.0
    # They let the process end.
    assert [one.daemon for one in threading.enumerate() if one.name == "osiris-cooldown"] == [True] * 2
    came_back.set()
    assert cooldown.refusal(connection) is not None


def test_a_fifo_is_not_opened(cooldown: Cooldown, tmp_path: Path) -> None:
    """What waits at its other end would go on, and write to no one."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    opens = f"print('now', flush=True); open({str(fifo)!r}, 'w')"
    with subprocess.Popen([sys.executable, "-c", opens], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.5)
        cooldown.keep(replace(CONNECTION, extra={"key_path": str(fifo)}), "wrong_password")
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(1.0)
        writer.kill()


def test_a_fifo_that_takes_the_place_of_a_file_counts_as_none(
    cooldown: Cooldown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    connection = replace(CONNECTION, extra={"key_path": str(fifo)})
    a_file = os.stat(__file__)
    with monkeypatch.context() as patched:
        # As it was just before.
        patched.setattr(os, "stat", lambda *_, **__: a_file)
        cooldown.keep(connection, "wrong_password")
    fifo.unlink()
    assert cooldown.refusal(connection) is not None
