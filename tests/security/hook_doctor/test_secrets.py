"""What hooks say holds secrets: none of it is shown, logged or kept."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from osiris_provider.errors import ConnectorError
from osiris_provider.hook_doctor import HookConnection, check_hook
from osiris_provider.hook_doctor.cooldown import Cooldown
from osiris_provider.net.deadline import Deadline

from tests.security.hook_doctor.mail_server import MailServer
from tests.security.hook_doctor.provider import CANARY, Checks

SECONDS = 60.0


def everything_of(connection: HookConnection) -> tuple[str, str]:
    """Check, and return the slug and all that could be shown of it."""
    try:
        details = check_hook(connection, Deadline(SECONDS))
    except ConnectorError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        return error.fault.slug, shown + repr(pickle.dumps(error)) + repr(connection)
    return "ok", repr(details) + repr(connection)


SAID = {
    "a token in a URL": "fails_with_token_url",
    "a header with a line end": "fails_with_header",
    "a URL as the host": "fails_with_dsn",
    "an attribute of the exception": "fails_with_attributes",
    "the name of a class": "fails_with_class",
    "a chain of exceptions": "fails_with_chain",
    "a healthy answer": "succeeds_with_secret",
}


@pytest.mark.parametrize("does", list(SAID.values()), ids=list(SAID))
def test_nothing_that_a_hook_says_is_shown(checks: Checks, does: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    checks.pids.write_text("")
    _, shown = everything_of(checks.connection(does))
    assert checks.noted(), "the hook has not run"
    assert CANARY not in shown + caplog.text


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"host": f"postgres://loader:{CANARY}@db.example.com/x"}, None),
        ({"host": f"http://127.0.0.1:1/tokeninfo?access_token={CANARY}"}, "refused"),
        ({"host": "http://127.0.0.1:1", "extra": {"X-Key": f"{CANARY}\n"}}, None),
        ({"host": "127.0.0.1", "port": 1, "login": "loader", "password": f"{CANARY}é\u2028"}, None),
    ],
)
def test_the_hook_of_http_keeps_what_it_says_to_itself(
    checks: Checks, fields: dict[str, Any], slug: str | None
) -> None:
    del checks
    actual, shown = everything_of(HookConnection("c", "http", **fields))
    assert actual == slug if slug else actual not in ("ok", "not_asked", "timed_out", "no_provider")
    assert CANARY not in shown


def test_a_refused_password_is_tried_once(checks: Checks) -> None:
    del checks
    with MailServer(accepts="right") as server:
        wrong = HookConnection(
            "mail", "smtp", host="127.0.0.1", port=server.port, login="loader", password=CANARY,
            extra={"disable_ssl": True, "disable_tls": True, "from_email": "x@example.com"},
        )  # fmt: skip
        first, shown = everything_of(wrong)
        assert (first, CANARY in shown) == ("wrong_password", False)
        assert everything_of(wrong)[0] == "wrong_password"
        assert server.passwords == [CANARY]
        right = HookConnection(
            "mail", "smtp", host="127.0.0.1", port=server.port, login="loader", password="right", extra=wrong.extra
        )
        assert everything_of(right)[0] == "ok"
        assert server.passwords == [CANARY, "right"]
        # It was accepted: what is remembered is over.
        everything_of(wrong)
        assert server.passwords == [CANARY, "right", CANARY]


def test_what_is_remembered_is_for_its_owner_alone(tmp_path: Path) -> None:
    connection = HookConnection("c", "smtp", host="mail.example.com", login="loader", password=CANARY)
    Cooldown.from_settings().keep(connection, "wrong_password")
    (file,) = (tmp_path / "osiris_cooldown").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    kept = file.name + file.read_text()
    assert not [secret for secret in (CANARY, base64.b64encode(CANARY.encode()).decode(), "loader") if secret in kept]
    file.parent.chmod(0o770)
    assert Cooldown.from_settings().refusal(connection) is None
