"""Files that we make are for their owner, and lie where they were told to lie."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.filesystem.drivers import CsvWriter, ParquetWriter
from osiris_provider.errors import ConnectionConfigError, DriverConfigError
from osiris_provider.runtime.state import Entry, RunKey, StateStore, TaskKey
from osiris_provider.testing.context import RecordingContext
from upath import UPath

WRITERS: list[BaseDriver[Any]] = [CsvWriter(), ParquetWriter()]
writers = pytest.mark.parametrize("driver", WRITERS, ids=lambda driver: driver.name)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def write(driver: BaseDriver[Any], path: Path, **config: Any) -> None:
    inputs = {"e": {"data": pa.table({"id": [1]})}}
    driver.run(step_id="w", config={"path": str(path), **config}, inputs=inputs, ctx=RecordingContext())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@writers
@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "表" * 83 + ".csv", "é" * 125, "a?#%20 \n*.csv", ".csv"])
def test_a_file_may_have_any_name_that_fits(tmp_path: Path, driver: BaseDriver[Any], name: str) -> None:
    write(driver, tmp_path / name)
    assert os.listdir(tmp_path) == [name]


@writers
def test_the_path_of_a_directory_is_refused_before_anything_is_written(tmp_path: Path, driver: BaseDriver[Any]) -> None:
    with pytest.raises(DriverConfigError, match="config field path: is the path of a file, and not of a directory"):
        driver.run(step_id="w", config={"path": f"{tmp_path}/x/"}, inputs={}, ctx=RecordingContext())
    assert os.listdir(tmp_path) == []


@writers
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_file_is_for_its_owner_alone(tmp_path: Path, driver: BaseDriver[Any], umask: int) -> None:
    before = os.umask(umask)
    try:
        write(driver, tmp_path / "deep" / "deeper" / "x.out")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "deep" / "deeper" / "x.out") == 0o600
    assert mode_of(tmp_path / "deep" / "deeper") == mode_of(tmp_path / "deep") == 0o700


@writers
def test_teams_can_have_another_mode(tmp_path: Path, driver: BaseDriver[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", "0660")
    write(driver, tmp_path / "deep" / "x.out")
    assert (mode_of(tmp_path / "deep"), mode_of(tmp_path / "deep" / "x.out")) == (0o770, 0o660)
    write(driver, tmp_path / "y.out", file_mode="0644")
    write(driver, tmp_path / "z.out", file_mode="0755")
    # No one executes data.
    assert mode_of(tmp_path / "y.out") == mode_of(tmp_path / "z.out") == 0o644


@pytest.mark.parametrize("mode", ["rw", "0400", "600x", "9", "07777", "-600"])
def test_a_mode_that_is_none_is_an_error(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DriverConfigError, match="file_mode"):
        write(CsvWriter(), tmp_path / "x", file_mode=mode)
    monkeypatch.setenv("AIRFLOW__OSIRIS__FILE_MODE", mode)
    with pytest.raises(ConnectionConfigError, match="file_mode"):
        write(CsvWriter(), tmp_path / "x")
    assert not os.listdir(tmp_path)


@writers
@pytest.mark.parametrize("to", ["file", "nothing"])
def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path, driver: BaseDriver[Any], to: str) -> None:
    sticky, home = tmp_path / "tmp", tmp_path / "home"
    sticky.mkdir()
    home.mkdir()
    sticky.chmod(0o1777)
    if to == "file":
        (home / "authorized_keys").write_text("mine")
    (sticky / "x.out").symlink_to(home / "authorized_keys")
    write(driver, sticky / "x.out")
    assert not (sticky / "x.out").is_symlink()
    assert mode_of(sticky / "x.out") == 0o600
    assert [path.read_text() for path in home.iterdir()] == (["mine"] if to == "file" else [])


@writers
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link to a device", "link to an open file"])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, driver: BaseDriver[Any], kind: str) -> None:
    """With the rights of root ``/dev/null`` would be a file from then on, and other users could not write to it."""
    path = tmp_path / "x.out"
    with closing(socket.socket(socket.AF_UNIX)) as listener, (tmp_path / "open").open("w") as opened:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            listener.bind(str(path))
        elif kind == "device" and os.geteuid() == 0:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        elif kind == "link to an open file":
            # So is /dev/stdout, also where it was sent to a file.
            path.symlink_to(f"/proc/self/fd/{opened.fileno()}")
        else:
            path.symlink_to("/dev/null")
        before = path.lstat()
        with pytest.raises(DriverConfigError, match=r"x\.out is a device, a pipe or a socket.*Fix config field path"):
            write(driver, path)
        after = path.lstat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert sorted(os.listdir(tmp_path)) == ["open", "x.out"]


def test_state_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = StateStore((tmp_path / "state").as_uri(), UPath)
    task = TaskKey("dag", "task")
    store.write(RunKey("run", NOW, NOW), Entry(task, "run", "orders", "id", None))
    [created] = (tmp_path / "state").rglob("*.json")
    assert mode_of(created) == 0o600
    assert all(mode_of(directory) == 0o700 for directory in list(created.parents)[:4])
