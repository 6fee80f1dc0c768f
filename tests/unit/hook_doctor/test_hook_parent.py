"""What the parent makes of a check's answer, and of none; without any process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import HookConnection, check_hook, parent, processes
from osiris_provider.hook_doctor.cooldown import Cooldown
from osiris_provider.hook_doctor.server import MAX_TYPE
from osiris_provider.hook_doctor.wire import Answer
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.expiry import LOGIN, Expiry, noting

SECRET = "Canary9f1-Zq7"
CONNECTION = HookConnection("c", "ftp", host="files.example.com", port=2121, login="loader", password=SECRET)
Asked = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """Have the next check answer so; the list gets what was asked for."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))

    def answers(value: Any = None, *, started: bool = False, importing: bool = False) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []

        class Servers:
            def run(self, conn_type: str, connection: str, deadline: Deadline) -> Answer:
                del deadline
                seen.append((conn_type, connection))
                answer = Answer()
                answer.value, answer.started, answer.importing = value, started, importing
                return answer

        monkeypatch.setattr(parent, "servers", Servers)
        return seen

    return answers


class Still(Deadline):
    """One whose time stands still."""

    def left(self) -> float:
        return self.seconds


def fault_of(connection: HookConnection = CONNECTION, deadline: Deadline | None = None) -> tuple[str, str, str]:
    with pytest.raises(ConnectorError) as raised:
        check_hook(connection, deadline or Still(60))
    return raised.value.fault.slug, raised.value.category, str(raised.value)


def test_a_secret_in_the_details_of_a_healthy_server_is_masked_wherever_it_is(asked: Asked) -> None:
    given = {"version": 3, "note": f"hello {SECRET}", "deep": {"list": ["x", SECRET, {"y": SECRET}]}, "none": None}
    seen = asked({"details": given})
    shown = check_hook(CONNECTION, Deadline(60))
    assert shown == {"version": 3, "note": "***", "deep": {"list": ["x", "***", {"y": "***"}]}, "none": None}
    assert seen == [("ftp", CONNECTION.as_json())]


def test_what_expires_of_a_healthy_server_is_noted_and_no_detail(asked: Asked) -> None:
    asked({"details": {"version": 3}, "expires": {"password": 1_800_000_000, SECRET: 1, "server": SECRET}})
    with noting() as noted:
        assert check_hook(CONNECTION, Deadline(60)) == {"version": 3}
    assert noted.expiries() == [Expiry(LOGIN, "", datetime.fromtimestamp(1_800_000_000, timezone.utc))]


def test_a_fault_is_told_with_its_address(asked: Asked) -> None:
    asked({"fault": "refused"})
    slug, category, message = fault_of()
    assert (slug, category) == ("refused", "network")
    assert "files.example.com:2121" in message
    assert "{" not in message


@pytest.mark.parametrize(
    ("cause", "named"),
    [("BirdError", True), ("x" * 61, True), ("x" * 62, False), ("a b", False), ("", False), (None, False), (7, False)],
)
def test_the_class_of_an_error_that_nobody_knows_is_named_if_it_can_be_one(
    cause: object, named: bool, asked: Asked
) -> None:
    asked({"fault": "test_failed", "cause": cause})
    slug, category, message = fault_of()
    assert (slug, category) == ("test_failed", "unknown")
    assert (f"failed with {cause}," in message) is named
    assert ("failed," in message) is not named


@pytest.mark.parametrize("slug", ["never_heard_of", ""])
def test_a_fault_that_there_is_not_is_no_verdict(slug: str, asked: Asked) -> None:
    asked({"fault": slug})
    assert fault_of()[0] == "no_verdict"


@pytest.mark.parametrize(
    ("seconds", "started", "importing", "slug", "words"),
    [
        (60, True, False, "no_verdict", ""),
        (0.01, False, True, "no_verdict", ""),
        (0, True, True, "timed_out", ""),
        (-1, False, False, "not_asked", ""),
        (-1, False, True, "not_asked", "was still being imported"),
    ],
)
def test_a_check_without_an_answer(
    seconds: float, started: bool, importing: bool, slug: str, words: str, asked: Asked
) -> None:
    asked(None, started=started, importing=importing)
    actual, _, message = fault_of(deadline=Still(seconds))
    assert actual == slug
    assert ("still being imported" in message) is bool(words)


@pytest.mark.parametrize(("conn_type", "is_asked"), [("x" * MAX_TYPE, True), ("x" * (MAX_TYPE + 1), False)])
def test_a_type_that_does_not_fit_a_request_is_of_no_provider(conn_type: str, is_asked: bool, asked: Asked) -> None:
    seen = asked({"fault": "no_provider"})
    assert fault_of(HookConnection("c", conn_type, host="h"))[0] == "no_provider"
    assert bool(seen) is is_asked


def test_only_refused_credentials_are_kept_back_until_they_are_accepted(asked: Asked) -> None:
    cooldown = Cooldown.from_settings()
    asked({"fault": "denied"})
    fault_of()
    assert cooldown.refusal(CONNECTION) is None
    asked({"fault": "wrong_password"})
    fault_of()
    seen = asked({"details": {}})
    assert fault_of()[:2] == ("wrong_password", "auth")
    assert seen == []
    cooldown.forget(CONNECTION)
    assert check_hook(CONNECTION, Deadline(60)) == {}
    assert len(seen) == 1


def test_a_healthy_check_ends_what_was_known_of_refusals(asked: Asked) -> None:
    Cooldown(6.0, Cooldown.from_settings().folder).keep(CONNECTION, "wrong_password")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW__OSIRIS__AUTH_COOLDOWN_HOURS", "0")
        asked({"details": {}})
        assert check_hook(CONNECTION, Deadline(60)) == {}
    assert Cooldown.from_settings().refusal(CONNECTION) is None


@pytest.mark.parametrize("kept", ["denied", "never_heard_of", "refused"])
def test_a_refusal_that_was_kept_is_one_of_credentials_whatever_the_file_says(kept: str, asked: Asked) -> None:
    asked({"details": {}})
    Cooldown.from_settings().keep(CONNECTION, kept)
    slug, category, message = fault_of()
    assert (slug, category) == ("refused_before", "auth")
    assert "files.example.com:2121 refused these credentials at" in message


def test_a_check_that_gets_no_turn_in_time_has_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(processes, "AT_ONCE", 0)
    monkeypatch.setattr(parent, "servers", processes.Servers)
    slug, category, message = fault_of(deadline=Deadline(0.05))
    assert (slug, category) == ("not_asked", "timeout")
    assert "did not get round to asking files.example.com:2121 within" in message
