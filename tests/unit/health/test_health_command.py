"""``osiris health`` believes nothing of an answer beyond its types."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.cli import health, listing
from osiris_provider.cli.main import main

from tests.servers.apis.http import HttpServer, Reply, Request

MOMENT = "2026-11-28T12:00:00+00:00"
ROW: dict[str, Any] = {
    "reference": "@mysql.shop",
    "label": "healthy",
    "health": "healthy",
    "message": "Connection successful",
    "since": MOMENT,
    "last_check": MOMENT,
    "latency_ms": 4.5,
    "uptime": 1.0,
    "overdue": False,
}
ANSWER = {"complete": True, "stopped": False, "total": 1, "history_since": MOMENT, "generated_at": MOMENT}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The one row of the answer."""
    row = dict(ROW)
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "token")
    monkeypatch.setattr(health, "_asked", lambda *_: {**ANSWER, "connections": [row]})
    return row


def test_a_row_is_shown(answered: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    answered["latency_ms"] = answered["uptime"] = None
    assert main(["health", "--url", "http://airflow.test"]) == 0
    assert "@mysql.shop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("since", None), ("since", "yesterday"), ("last_check", "2026-11-28T12:00:00"), ("latency_ms", "x")],
        *[("uptime", float("inf")), ("uptime", True), ("message", {}), ("reference", 1), ("overdue", "no")],
    ],
)
def test_an_odd_answer_is_no_bug_of_ours(
    name: str, value: Any, answered: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answered[name] = value
    assert main(["health", "--url", "http://airflow.test"]) == 3
    assert "What answers is no page of connections' health" in capsys.readouterr().err


def test_what_expires_soon_is_shown(answered: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(timezone.utc)
    ends = {"certificate": 12.1, "password": -1, "token": 0.5, "key": 60}
    answered["expires"] = [
        {"what": what, "at": (now + timedelta(days=days)).isoformat()} for what, days in ends.items()
    ]
    answered["expires"] += [7, {"what": "odd", "at": "soon"}, {"what": [], "at": now.isoformat()}]
    assert main(["health", "--url", "http://airflow.test"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    said = "certificate expires in 12 d. password has expired. token expires within a day."
    assert shown.endswith(f"Connection successful {said}")


def command(*options: str) -> int:
    return main(["health", "--url", "http://airflow.test", *options])


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (-30, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (9 * 86_400, "9 d"),
    ],
)
def test_how_long_ago_it_was(seconds: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.now(timezone.utc).replace(microsecond=0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Clock:
            return cls.fromtimestamp(moment.timestamp() + seconds, tz)

    monkeypatch.setattr("datetime.datetime", Clock)
    answered = {**ROW, "last_check": moment.isoformat(), "since": moment.isoformat()}
    assert health._row(answered)[2:4] == (f"{said} or longer", f"{said} ago")  # noqa: SLF001 - a row of its table
    answered |= {"since_is_exact": True, "overdue": True}
    assert health._row(answered)[2:4] == (said, f"{said} ago, overdue")  # noqa: SLF001 - as above


@pytest.mark.parametrize(
    ("uptime", "said"), [(None, ""), (1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50 %"), (0, "0 %")]
)
def test_a_connection_that_was_down_is_never_at_a_hundred_per_cent(uptime: float | None, said: str) -> None:
    assert health._row({**ROW, "uptime": uptime})[5] == said  # noqa: SLF001 - a row of its table


@pytest.mark.parametrize(
    ("row", "answer", "code", "listed"),
    [
        ({}, {}, 0, False),
        ({"health": "unhealthy", "label": "network"}, {}, 1, True),
        ({"health": "untested", "label": "untested"}, {}, 0, False),
        ({"overdue": True}, {}, 0, True),
        ({"overdue": True}, {"stopped": True}, 1, True),
    ],
)
def test_the_exit_code_and_what_is_listed_as_unhealthy(
    row: dict[str, Any],
    answer: dict[str, Any],
    code: int,
    listed: bool,
    answered: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered |= row
    monkeypatch.setattr(health, "_asked", lambda *_: {**ANSWER, **answer, "connections": [answered]})
    assert command("--unhealthy") == code
    out, err = capsys.readouterr()
    assert ("@mysql.shop" in out) is listed
    assert ("; checks have stopped;" in err) is bool(answer)
    healthy = int(answered["health"] == "healthy")
    assert err.startswith(f"{healthy} of 1 healthy")
    assert err.endswith("history since 2026-11-28\n")
    assert command() == code
    assert "@mysql.shop" in capsys.readouterr().out


def test_without_any_check_the_command_says_where_to_read_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "token")
    monkeypatch.setattr(health, "_asked", lambda *_: {**ANSWER, "connections": []})
    assert command() == 0
    assert capsys.readouterr() == ("", "No connection has been checked in the last 30 days. See docs/health.md.\n")


@pytest.mark.parametrize("name", [*ANSWER, "connections"])
def test_an_answer_that_lacks_a_part_is_none(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {**ANSWER, "connections": [ROW]}
    del answer[name]
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "token")
    monkeypatch.setattr(health, "_asked", lambda *_: answer)
    assert command() == 3
    assert "What answers is no page" in capsys.readouterr().err


def test_it_asks_until_the_month_is_whole_and_not_for_ever(
    answered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, False, True])
    asked: list[Any] = []

    def ask(fields: dict[str, Any], *path: str) -> dict[str, Any]:
        asked.append((fields["token"], fields["base_url"], *path))
        return {**ANSWER, "complete": next(answers, False), "connections": [answered]}

    monkeypatch.setattr(health, "_asked", ask)
    monkeypatch.setattr(health, "PAUSE", 0.0)
    assert command() == 0
    assert asked == [("token", "http://airflow.test", "GET", "osiris/health/connections")] * 3
    monkeypatch.setattr(health, "SECONDS", 0.0)
    assert command("--json") == 0


@pytest.mark.parametrize(("answer", "code"), [({"access_token": "t"}, 0), ({"access_token": 7}, 3), ({}, 3), ([], 3)])
def test_a_login_is_answered_with_a_token(
    answer: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AIRFLOW__OSIRIS__API_TOKEN", raising=False)
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_USER", "u")
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_PASSWORD", "p")
    asked = []

    def ask(fields: dict[str, Any], method: str, path: str, **options: Any) -> Any:
        asked.append((method, path, options, fields.get("token"), fields.get("ca_bundle")))
        return answer if method == "POST" else {**ANSWER, "connections": [ROW]}

    monkeypatch.setattr(health, "_asked", ask)
    assert command("--ca-bundle", "ca.pem") == code
    assert asked[0] == ("POST", "auth/token", {"json": {"username": "u", "password": "p"}}, None, "ca.pem")
    assert asked[1:] == ([("GET", "osiris/health/connections", {}, "t", "ca.pem")] if code == 0 else [])
    assert ("no token" in capsys.readouterr().err) is (code == 3)


@pytest.mark.parametrize(
    ("variables", "config", "token"),
    [
        ({"": "own", "_CMD": "echo other"}, "", "own"),
        ({"_CMD": "printf '%s\\n' 'of a command'"}, "api_token = file", "of a command"),
        ({}, "api_token = file\napi_token_cmd = echo other", "file"),
        ({}, "api_token_cmd = echo written", "written"),
        ({"": "", "_CMD": ""}, "api_token_cmd = echo written", "written"),
    ],
)
def test_a_token_may_be_what_a_command_writes(
    variables: dict[str, str], config: str, token: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    for end, value in variables.items():
        monkeypatch.setenv(f"AIRFLOW__OSIRIS__API_TOKEN{end}", value)
    (tmp_path / "airflow.cfg").write_text(f"[osiris]\n{config}\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))

    def asked(fields: dict[str, Any], *_: str) -> dict[str, Any]:
        given.append(fields)
        return {**ANSWER, "connections": []}

    monkeypatch.setattr(health, "_asked", asked)
    assert command() == 0
    assert [fields["token"] for fields in given] == [token]


@pytest.mark.parametrize("written", ["false", "true", "no-such-command-here", "'", "sh -c 'echo canary; exit 3'"])
@pytest.mark.parametrize("option", ["api_token", "api_password"])
def test_a_command_that_fails_is_reported_without_what_it_wrote(
    option: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "airflow.cfg").write_text(f"[osiris]\napi_user = ann\n{option}_cmd = {written}\n")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert command() == 3
    shown = capsys.readouterr()
    assert f"error: [osiris] {option}_cmd (AIRFLOW__OSIRIS__{option.upper()}_CMD): its command " in shown.err
    assert "canary" not in shown.out + shown.err


class Airflow(HttpServer):
    """An API server that answers each question in one way."""

    status = 200

    def answer(self, _request: Request) -> Reply:
        return Reply.of_json({**ANSWER, "connections": [ROW]}, self.status)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (200, 0, "1 of 1 healthy; history since 2026-11-28\n"),
        (
            404,
            3,
            "error: URL has no osiris/health/connections. Install this package where Airflow's API server runs.\n",
        ),
        (401, 3, "error: URL/osiris/health/connections does not accept these credentials."),
    ],
)
def test_what_an_api_server_answers(
    status: int, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "s3cret")
    monkeypatch.setattr(Airflow, "status", status)
    with Airflow() as server:
        assert main(["health", "--url", server.origin]) == code
        assert capsys.readouterr().err.startswith(said.replace("URL", server.origin))
    assert [(one.method, one.path) for one in server.requests] == [("GET", "/osiris/health/connections")]
    assert server.requests[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("url", ["airflow.test", "ftp://airflow.test", "http://u:s3cret@airflow.test"])
def test_a_url_that_is_none_is_said_by_its_option(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW__OSIRIS__API_TOKEN", "token")
    assert main(["health", "--url", url]) == 3
    said = capsys.readouterr().err
    assert (said.startswith("error: --url, or api_url of section osiris, "), "s3cret" in said) == (True, False)


def test_what_is_too_wide_has_its_message_below_the_rest(
    answered: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered |= {"latency_ms": None, "message": "a\x1b[31m b"}
    monkeypatch.setattr(listing, "width", lambda: 20)
    assert command() == 0
    row, message = capsys.readouterr().out.splitlines()
    assert (row[:22], row[-7:], message) == ("@mysql.shop  healthy  ", "  100 %", "    a b")
