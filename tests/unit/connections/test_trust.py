"""Who else may write, or can read, a file: groups, modes and names of users."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest
from osiris_provider.connections import trust

ME, MINE = 1234, 1235
USERS = {0: "root", ME: "ann"}
GROUPS = {0: ("root", ["bob"]), MINE: ("ann", []), 51: ("ann", ["ann"]), 52: ("ann", ["ann", "bob"]), 53: ("staff", [])}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that knows these users and groups."""
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=USERS[uid]))
    monkeypatch.setattr(grp, "getgrgid", lambda gid: SimpleNamespace(gr_name=GROUPS[gid][0], gr_mem=GROUPS[gid][1]))


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("uid", "gid", "is_private"),
    [
        (ME, 0, True),
        (ME, MINE, True),
        (ME, 51, True),
        (ME, 52, False),
        (ME, 53, False),
        # Unknown to the machine: the group, the user, both.
        (ME, 60, False),
        (ME, ME, True),
        (70, MINE, False),
        (70, 70, True),
        (70, 71, False),
    ],
)
def test_a_group_is_private_that_no_one_else_is_in(
    uid: int, gid: int, is_private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert trust._is_private(gid) is is_private  # noqa: SLF001 - the rule itself


@pytest.mark.parametrize("is_private", [True, False])
@pytest.mark.parametrize("rights", [0o000, 0o002, 0o004, 0o020, 0o040, 0o011])
def test_a_private_group_is_no_other_user(
    tmp_path: Path, rights: int, is_private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.touch()
    monkeypatch.setattr(trust, "_is_private", lambda gid: is_private and gid == path.stat().st_gid)
    path.chmod(0o600 | rights)
    writes = rights == 0o002 or (rights == 0o020 and not is_private)
    assert trust.distrust(path) == (f"other users can write to {path}" if writes else None)
    assert trust.others_read(path) is (rights == 0o004 or (rights == 0o040 and not is_private))


def test_what_is_not_there_is_left_to_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert (trust.distrust(path), trust.others_read(path), trust.is_read_only(path)) == (None, False, False)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("owner", "caller", "said"),
    [
        (0, None, None),
        (ME, None, None),
        (70, None, "{path} is owned by user 70, and this process runs as user ann (1234)"),
        (70, "70", "{path} is owned by user 70, and this process runs as user ann (1234)"),
    ],
)
def test_the_owner_of_a_file(
    tmp_path: Path, owner: int, caller: str | None, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    monkeypatch.setattr(os, "geteuid", lambda: ME)
    monkeypatch.setenv("SUDO_UID", caller or "")
    problem_of = trust._owner_problem  # noqa: SLF001 - only root could give files away
    status = os.stat_result((0o100600, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    assert problem_of(status, path) == (said and said.format(path=path))
    link = os.stat_result((0o120777, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    assert problem_of(link, path) == (said and f"the link {said.format(path=path)}")


@pytest.mark.parametrize(("caller", "trusted"), [("70", {0, 70}), ("", {0}), ("x", {0}), ("-5", {0}), ("٣", {0})])
def test_root_trusts_who_called_sudo(caller: str, trusted: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", caller)
    assert trust._trusted_users() == trusted  # noqa: SLF001 - the rule itself
