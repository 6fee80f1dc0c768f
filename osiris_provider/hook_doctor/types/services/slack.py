"""Slack: the names of errors that its API answers with, at status 200."""

from __future__ import annotations

import logging
import re
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.faults import FORBIDDEN, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import ACCOUNT_LOCKED, HOST_NOT_ALLOWED, NO_PASSWORD, NOT_READY
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES, url_address

_NAME = re.compile(r"[a-z0-9_]+")
_NAMES = {
    "invalid_auth": UNAUTHORIZED,
    "not_authed": NO_PASSWORD,
    "token_revoked": UNAUTHORIZED,
    "token_expired": UNAUTHORIZED.reworded("The token for {address} has expired. Get a new one."),
    "not_allowed_token_type": UNAUTHORIZED,
    "account_inactive": ACCOUNT_LOCKED,
    "two_factor_setup_required": ACCOUNT_LOCKED,
    "access_denied": FORBIDDEN,
    "missing_scope": FORBIDDEN,
    "no_permission": FORBIDDEN,
    # Until the workspace has moved.
    "org_login_required": NOT_READY,
    "team_added_to_org": NOT_READY,
    "ekm_access_denied": FORBIDDEN,
    "team_access_not_granted": FORBIDDEN,
    "enterprise_is_restricted": FORBIDDEN,
    "accesslimited": HOST_NOT_ALLOWED,
    "ratelimited": THROTTLED,
    "rate_limited": THROTTLED,
    "request_timeout": TIMED_OUT,
    "internal_error": SERVER_ERROR,
    "fatal_error": SERVER_ERROR,
    "service_unavailable": SERVER_ERROR,
}


class SlackAnswerError(Exception):
    """An answer that is no JSON.

    :param status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _auth_test(hook: Any) -> Details:
    try:
        hook.call("auth.test").validate()
    except Exception as error:
        response = getattr(error, "response", None)
        # For what is no JSON the client puts a sentence where the name of an error is.
        if response is None or _NAME.fullmatch(str(response.get("error"))):
            raise
        raise SlackAnswerError(int(response.status_code)) from None
    return {}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    if connection.extra.get("proxy"):
        return None
    return url_address(str(connection.extra.get("base_url") or "https://slack.com"))


TYPE = HookType(
    conn_types=("slack",),
    title="Slack",
    codes={
        **HTTP_CLASSES,
        "SlackApiError": {**dict[Any, Fault](STATUSES), **_NAMES},
        "SlackAnswerError": {**STATUSES, 200: GARBAGE},
        # There is no other connection that it could look for.
        "AirflowNotFoundException": NO_PASSWORD,
    },
    codes_at=("response.data.error", "response.status_code", "status", "code"),
    probe=_auth_test,
    # Its client asks the logger for a level, which the hook's own does not have.
    hook_params={"logger": logging.getLogger("slack_sdk")},
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
