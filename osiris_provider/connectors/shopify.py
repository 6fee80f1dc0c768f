"""Shopify: the Admin GraphQL API of one shop."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from osiris_provider.connectors.faults import GARBAGE, THROTTLED, TIMED_OUT
from osiris_provider.connectors.http.base import MAX_PROBE, HttpConnector, parsed
from osiris_provider.connectors.http.connection import (
    CaBundle,
    Endpoint,
    HeaderSecret,
    HttpConnection,
    Timeout,
    checked_url,
    is_loopback,
)
from osiris_provider.connectors.http.faults import FORBIDDEN, HTTP_STATUS, SERVER_ERROR, UNAUTHORIZED, HttpFaultError
from osiris_provider.connectors.http.retry_after import bounded_wait
from osiris_provider.connectors.model import FieldInfo
from osiris_provider.errors import Fault

if TYPE_CHECKING:
    from osiris_provider.connectors.http.session import Answer, HttpSession

GRAPHQL = "graphql.json"
PROOF = "{ shop { name } currentAppInstallation { accessScopes { handle } } }"
_HOST_NAME = re.compile(r"(?=.{4,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")

FROZEN = Fault(
    "shop_frozen", "permission", "The shop {address} is frozen. Its owner has to pay the outstanding balance."
)
NO_SHOP = Fault(
    "no_such_shop",
    "unknown",
    "There is no shop at {address}, or no such api_version. Check both fields.",
    permanent=True,
)
SHOP_LOCKED = Fault(
    "shop_locked", "permission", "The shop {address} is locked by Shopify. Its owner has to ask Shopify's support."
)
REJECTED = Fault(
    "security_rejection", "permission", "Shopify rejects requests to {address} as suspicious. Ask Shopify's support."
)
NO_SCOPE = Fault(
    "no_scope",
    "permission",
    "The access token of {address} has no access scope. Grant the app the scopes that it needs.",
)
TOO_COSTLY = Fault(
    "query_too_costly",
    "unknown",
    "The query costs more than {address} allows. Ask for fewer fields or smaller pages.",
    True,
)
BAD_QUERY = Fault(
    "bad_query", "unknown", "{address} does not understand the GraphQL query. Check its fields and variables.", True
)

STATUSES = {
    **HTTP_STATUS,
    401: UNAUTHORIZED,
    402: FROZEN,
    404: NO_SHOP,
    423: SHOP_LOCKED,
    430: REJECTED,
}
CODES: dict[str, Fault] = {
    "ACCESS_DENIED": FORBIDDEN,
    "INTERNAL_SERVER_ERROR": SERVER_ERROR,
    "MAX_COST_EXCEEDED": TOO_COSTLY,
    "SHOP_INACTIVE": FROZEN,
    "THROTTLED": THROTTLED,
    "TIMEOUT": TIMED_OUT,
}
"""``errors.extensions.code`` of GraphQL answers, which have status 200."""


def _checked_domain(text: str) -> str:
    name = text.strip().rstrip("/")
    if "://" not in name and is_loopback(name.partition(":")[0]):
        name = f"http://{name}"
    if "://" in name:
        parts = urlsplit(checked_url(name))
        if is_loopback(parts.hostname) and not parts.path:
            return name
        name = parts.netloc + parts.path if parts.scheme == "https" else ""
    if not _HOST_NAME.fullmatch(name):
        problem = "is not the domain of a shop such as mystore.myshopify.com"
        raise ValueError(problem)
    return name.lower()


def _checked_version(text: str) -> str:
    if not re.fullmatch(r"20\d\d-(?:01|04|07|10)|unstable", text):
        problem = "is not a version of Shopify's API such as 2026-10"
        raise ValueError(problem)
    return text


class ShopifyConnection(HttpConnection):
    """Connection to a Shopify shop."""

    shop_domain: Annotated[
        str,
        AfterValidator(_checked_domain),
        FieldInfo("The shop's own domain.", public=True, airflow="host", placeholder="mystore.myshopify.com"),
    ]
    access_token: Annotated[
        HeaderSecret, FieldInfo("Admin API access token of the app.", airflow="password"), Field(min_length=1)
    ]
    api_version: Annotated[
        str,
        FieldInfo("Version of the Admin API.", public=True, placeholder="2026-10"),
        AfterValidator(_checked_version),
    ] = "2026-10"
    timeout: Timeout = 30.0
    ca_bundle: CaBundle = None

    def endpoint(self) -> Endpoint:
        """Return the Admin API with its token."""
        origin = self.shop_domain if "://" in self.shop_domain else f"https://{self.shop_domain}"
        base_url = f"{origin}/admin/api/{self.api_version}/"
        token = {"X-Shopify-Access-Token": self.access_token.get_secret_value().encode()}
        return Endpoint(base_url, self.timeout, self.ca_bundle, token)

    def shown_address(self) -> str:
        """Return the shop's domain."""
        return self.shop_domain

    def as_url(self, *, redacted: bool) -> str:
        """Return the Admin API's URL with the token in it."""
        return self.url_with_identity(self.endpoint().base_url + GRAPHQL, redacted=redacted)

    def identity(self) -> tuple[str, str]:
        """Return no user and the token."""
        return "", self.access_token.get_secret_value()


class ShopifyConnector(HttpConnector[ShopifyConnection]):
    """Connector of family ``shopify``. Its client's base URL is ``https://SHOP/admin/api/VERSION/``.

    Doctor asks for the shop's name, which any valid token may know and no one else, and for the token's scopes: with
    none it could do nothing.
    """

    family = "shopify"
    label = "Shopify"
    model = ShopifyConnection
    statuses: ClassVar[Mapping[int, Fault]] = STATUSES

    def probe_with(self, model: ShopifyConnection, session: HttpSession) -> dict[str, Any]:
        """Ask for the shop's name and the token's scopes."""
        answer = self.checked(session.ask("POST", GRAPHQL, MAX_PROBE, json={"query": PROOF}))
        data = parsed(answer)
        try:
            name = str(data["data"]["shop"]["name"])
            scopes = data["data"]["currentAppInstallation"]["accessScopes"]
        except (KeyError, TypeError):
            name, scopes = "", None
        if not name:
            raise HttpFaultError(GARBAGE)
        if not scopes:
            raise HttpFaultError(NO_SCOPE)
        version = answer.headers.get("X-Shopify-API-Version", model.api_version)
        return {"shop": name[:100], "api_version": version[:20]}

    def fault_of_answer(self, answer: Answer) -> Fault | None:
        """Return the fault of the status, or of the errors in a GraphQL answer."""
        fault = super().fault_of_answer(answer)
        if fault or b'"errors"' not in answer.body:
            return fault
        errors = _json_object(answer).get("errors")
        if not errors:
            return None
        codes = [_code(error) for error in errors] if isinstance(errors, list) else []
        return next((CODES[code] for code in codes if code in CODES), BAD_QUERY)

    def retry_after_of(self, answer: Answer) -> float | None:
        """Return the header's seconds, else how long the bucket needs to hold what the query costs."""
        asked = super().retry_after_of(answer)
        return asked if asked is not None else _seconds_to_restore(_json_object(answer))


def _json_object(answer: Answer) -> dict[str, Any]:
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _code(error: Any) -> str:
    extensions = error.get("extensions") if isinstance(error, dict) else None
    return str(extensions.get("code", "")) if isinstance(extensions, dict) else ""


def _seconds_to_restore(answer: Mapping[str, Any]) -> float | None:
    try:
        cost = answer["extensions"]["cost"]
        status = cost["throttleStatus"]
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        rate = float(status["restoreRate"])
        return bounded_wait(missing / rate) if rate > 0 else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
