"""Slack: the names of errors that its API answers with, at status 200."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import urlsplit

from osiris_provider.connectors.faults import THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.faults import FORBIDDEN, SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import ACCOUNT_LOCKED, HOST_NOT_ALLOWED, NO_PASSWORD, NOT_READY
from osiris_provider.errors import Fault
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, NO_ANSWERS, STATUSES, named, url_address

_NAME = re.compile(r"[a-z0-9_]+")
_EXPIRED = UNAUTHORIZED.reworded("The token for {address} has expired. Get a new one.")
_NAMES = named(
    (
        UNAUTHORIZED,
        (
            "app_not_found auth_mismatch bad_client_secret bad_token invalid_app_id invalid_auth "
            "invalid_client_id invalid_refresh_token invalid_token not_allowed_token_type token_revoked "
            "user_not_found"
        ),
    ),
    (_EXPIRED, "token_expired"),
    (NO_PASSWORD, "no_token not_authed"),
    (
        ACCOUNT_LOCKED,
        "account_inactive app_uninstalled team_disabled team_not_found two_factor_setup_required user_disabled",
    ),
    (
        FORBIDDEN,
        (
            "access_denied admin_unauthorized app_not_eligible cannot_auth_user ekm_access_denied "
            "enterprise_is_restricted feature_not_enabled missing_scope no_permission not_allowed "
            "org_level_email_display_disabled paid_only restricted_action team_access_not_granted user_is_bot "
            "user_is_restricted user_is_ultra_restricted"
        ),
    ),
    # Until the workspace has moved.
    (NOT_READY, "external_organization_migrating migration_in_progress org_login_required team_added_to_org"),
    (HOST_NOT_ALLOWED, "accesslimited"),
    (THROTTLED, "rate_limited ratelimited"),
    (TIMED_OUT, "request_timeout"),
    (SERVER_ERROR, "fatal_error internal_error rollup_error service_unavailable temporarily_unavailable"),
)


_OK = 200


class SlackAnswerError(Exception):
    """An answer that is no JSON.

    :param status: of HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _auth_test(hook: Any) -> Details:
    from urllib.request import HTTPRedirectHandler

    # A POST is not sent again elsewhere; in this process only.
    HTTPRedirectHandler.redirect_request = lambda *_: None  # type: ignore[method-assign] # as above
    client = hook.client
    try:
        client.api_call("auth.test").validate()
    except AttributeError:
        # JSON that is no object.
        raise SlackAnswerError(_OK) from None
    except Exception as error:
        response = getattr(error, "response", None)
        data = getattr(response, "data", None)
        # For what is no JSON the client puts a sentence where the name of an error is.
        if response is None or (isinstance(data, dict) and _NAME.fullmatch(str(data.get("error")))):
            raise
        raise SlackAnswerError(int(response.status_code)) from None
    return {}


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    return None if connection.extra.get("proxy") else url_address(_url(connection))


def _url(connection: HookConnection) -> str:
    return str(connection.extra.get("base_url") or "https://slack.com")


def _checked(connection: HookConnection) -> HookConnection:
    # A port that is none raises a ValueError here, and is taken for another one later.
    _ = urlsplit(_url(connection)).port
    return connection


TYPE = HookType(
    conn_types=("slack",),
    title="Slack",
    codes={
        **HTTP_CLASSES,
        "SlackApiError": {**dict[Any, Fault](STATUSES), **_NAMES},
        "SlackAnswerError": NO_ANSWERS,
        "SlackTokenRotationError": UNAUTHORIZED,
        # There is no other connection that it could look for.
        "AirflowNotFoundException": NO_PASSWORD,
    },
    codes_at=("response.data.error", "response.status_code", "status", "code"),
    probe=_auth_test,
    prepare=_checked,
    # Its client asks the logger for a level, which the hook's own does not have.
    hook_params={"logger": logging.getLogger("slack_sdk")},
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
