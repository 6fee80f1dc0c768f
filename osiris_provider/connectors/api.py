"""Any JSON API over HTTP: with an API key, a token, user and password, or headers of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import quote_plus

from pydantic import SecretStr, model_validator
from typing_extensions import Self

from osiris_provider.connectors.http.base import MAX_PROBE, HttpConnector, probe_difference, says_error
from osiris_provider.connectors.http.basic import basic
from osiris_provider.connectors.http.connection import (
    CaBundle,
    ClientCert,
    ClientCertificate,
    ClientKey,
    ClientKeyPassword,
    Endpoint,
    HeaderSecret,
    HttpConnection,
    TextSecret,
    Timeout,
    Url,
)
from osiris_provider.connectors.http.faults import (
    HTTP_STATUS,
    NOT_CHECKED,
    NOT_FOUND,
    SAYS_ERROR,
    WEB_PAGE,
    HttpFaultError,
)
from osiris_provider.connectors.http.http_hook import HTTP
from osiris_provider.connectors.model import FieldError, FieldInfo
from osiris_provider.errors import Fault

if TYPE_CHECKING:
    from osiris_provider.connectors.http.oauth import ClientCredentials
    from osiris_provider.connectors.http.session import Answer, HttpSession

_CREDENTIAL = re.compile(r"auth|cookie|key|password|secret|session|signature|token", re.IGNORECASE)
_ABSOLUTE = re.compile(r"[A-Za-z]+:|//")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

NEEDS_HEALTH_PATH = NOT_CHECKED.reworded(
    "{address} answers the same without credentials, so they are not proven. Set health_path to a path that needs "
    "them.",
)
NOTHING_THERE = NOT_FOUND.reworded(
    "{address} has nothing at this address. Check base_url, and the path: for doctor it is health_path.",
)
STATUSES = {**HTTP_STATUS, 404: NOTHING_THERE}


class ApiConnection(HttpConnection):
    """Connection to a JSON API."""

    base_url: Annotated[
        Url, FieldInfo("Where the API is.", public=True, airflow="host", placeholder="https://api.example.com/v1")
    ]
    api_key: Annotated[HeaderSecret | None, FieldInfo("API key, sent as X-API-Key or in auth_header.")] = None
    token: Annotated[HeaderSecret | None, FieldInfo("Token, sent as Authorization: Bearer.")] = None
    user: Annotated[str | None, FieldInfo("User of HTTP Basic.", airflow="login", aliases=("username",))] = None
    password: Annotated[TextSecret | None, FieldInfo("Password of the user.", airflow="password")] = None
    api_key_in: Annotated[
        Literal["header", "query", "cookie"], FieldInfo("Where the API key goes: header, query or cookie.")
    ] = "header"
    api_key_name: Annotated[
        str, FieldInfo("Name of the query parameter or cookie that takes the API key.", placeholder="api_key")
    ] = "api_key"
    token_url: Annotated[
        Url | None,
        FieldInfo(
            "Token endpoint, for OAuth 2.0 client credentials.",
            public=True,
            placeholder="https://login.example.com/oauth/token",
        ),
    ] = None
    client_id: Annotated[str | None, FieldInfo("Client of OAuth 2.0.")] = None
    client_secret: Annotated[TextSecret | None, FieldInfo("Its secret; goes to token_url only.")] = None
    scope: Annotated[str | None, FieldInfo("What the token is for, words with spaces between.")] = None
    token_params: Annotated[
        dict[str, TextSecret] | None,
        FieldInfo("Further form fields for token_url, such as audience; treated as secret."),
    ] = None
    client_auth: Annotated[
        Literal["basic", "body"],
        FieldInfo("How client_id and client_secret go to token_url: as HTTP Basic or in the body."),
    ] = "basic"
    auth_header: Annotated[
        str | None, FieldInfo("Header for the key or token instead of the usual one.", placeholder="X-API-Key")
    ] = None
    auth_scheme: Annotated[
        str | None, FieldInfo("Word before the key or token: Bearer for a token, none for a key.", placeholder="Bearer")
    ] = None
    headers: Annotated[
        dict[str, HeaderSecret] | None, FieldInfo("Further headers for this API only; treated as secret.")
    ] = None
    health_path: Annotated[
        str,
        FieldInfo(
            "Path under base_url that doctor asks for; choose one that needs the credentials.", placeholder="/me"
        ),
    ] = ""
    timeout: Timeout = 30.0
    ca_bundle: CaBundle = None
    ssl_cert: ClientCert = None
    ssl_key: ClientKey = None
    ssl_key_password: ClientKeyPassword = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ways = [name for name in ("api_key", "token", "user", "client_id") if getattr(self, name) is not None]
        if len(ways) > 1:
            problem = f"{' and '.join(ways)} are two ways to log in; keep one"
            raise ValueError(problem)
        if self.password is not None and self.user is None:
            problem = "is required with a password"
            raise FieldError(problem, field="user")
        if self.user is not None and ":" in self.user:
            problem = "holds a colon, which HTTP Basic cannot carry"
            raise FieldError(problem, field="user")
        for field, names in {"headers": self.headers or {}, "auth_header": [self.auth_header or "ok"]}.items():
            if not all(_HEADER_NAME.fullmatch(name) for name in names):
                problem = "a header's name has letters, digits and hyphens only"
                raise FieldError(problem, field=field)
        if re.search(r"[^\x20-\x7e]", self.auth_scheme or "") or _ABSOLUTE.match(self.health_path):
            problem = "auth_scheme is a plain word such as Bearer, and health_path a path under base_url"
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _consistent_oauth(self) -> Self:
        given = [name for name in ("token_url", "client_id", "client_secret") if getattr(self, name) is not None]
        if given and len(given) < 3:
            problem = "token_url, client_id and client_secret belong together; give all three"
            raise ValueError(problem)
        if not given and (self.scope or self.token_params):
            problem = "scope and token_params need token_url, client_id and client_secret"
            raise ValueError(problem)
        return self

    @model_validator(mode="after")
    def _consistent_key(self) -> Self:
        if self.api_key_in == "header":
            return self
        if self.api_key is None or self.auth_header or self.auth_scheme:
            problem = "api_key_in needs api_key, and takes api_key_name in the place of auth_header and auth_scheme"
            raise ValueError(problem)
        if not _HEADER_NAME.fullmatch(self.api_key_name):
            problem = "is not a name such as api_key"
            raise FieldError(problem, field="api_key_name")
        if self.api_key_in == "cookie" and not _COOKIE_VALUE.fullmatch(self.api_key.get_secret_value()):
            problem = "holds a character that no cookie can carry"
            raise FieldError(problem, field="api_key")
        return self

    @model_validator(mode="after")
    def _consistent_certificate(self) -> Self:
        if self.ssl_cert is None and (self.ssl_key or self.ssl_key_password):
            problem = "ssl_key and ssl_key_password need ssl_cert"
            raise ValueError(problem)
        if self.ssl_cert is not None and not self.base_url.lower().startswith("https:"):
            problem = "ssl_cert needs a base_url that begins with https://"
            raise ValueError(problem)
        return self

    @property
    def logs_in(self) -> bool:
        """Whether it says who is there; see :attr:`HttpConnection.logs_in`."""
        if self.client_id is not None or self.api_key_in == "query":
            return True
        return bool(self._login() or len(self.plain_headers()) < len(self.headers or {}))

    @classmethod
    def secret_texts(cls, connection: Mapping[str, Any]) -> Iterator[str]:
        """Yield the texts that may be secret, also as HTTP Basic sends them; see :meth:`ConnectionModel.secret_texts`.

        :param connection: a resolved connection, valid or not.
        """
        yield from super().secret_texts(connection)
        declared = cls.declared()
        given = {declared[name].name: str(value) for name, value in connection.items() if name in declared and value}
        if "user" in given or "password" in given:
            yield basic(given.get("user", ""), given.get("password", "")).decode()
        if "client_secret" in given:
            pair = (given.get(name, "").encode("utf-8", "surrogatepass") for name in ("client_id", "client_secret"))
            yield basic(*map(quote_plus, pair)).decode()

    def plain_headers(self) -> dict[str, bytes]:
        """Return those of the further headers that carry no credentials, by their names."""
        given = (self.headers or {}).items()
        return {name: _encoded(value) for name, value in given if not _CREDENTIAL.search(name)}

    def endpoint(self) -> Endpoint:
        """Return the base URL with its credentials."""
        credentials = {name: _encoded(value) for name, value in (self.headers or {}).items()}
        credentials.update(self._login())
        key = self.api_key.get_secret_value() if self.api_key else ""
        query = {self.api_key_name: key} if self.api_key_in == "query" else {}
        oauth, certificate = self._oauth(), self._certificate()
        return Endpoint(
            self.base_url, self.timeout, self.ca_bundle, credentials, query=query, oauth=oauth, certificate=certificate
        )

    def identity(self) -> tuple[str, str]:
        """Return user and password, or an empty user and the key or token."""
        secret = self.password or self.token or self.api_key or self.client_secret
        return self.user or self.client_id or "", secret.get_secret_value() if secret else ""

    def _login(self) -> dict[str, bytes]:
        if self.user is not None:
            password = self.password.get_secret_value() if self.password else ""
            return {"Authorization": b"Basic " + basic(self.user, password)}
        if self.token is not None:
            return {self.auth_header or "Authorization": self._with_scheme(self.token, "Bearer")}
        if self.api_key is not None and self.api_key_in == "cookie":
            return {"Cookie": f"{self.api_key_name}=".encode() + _encoded(self.api_key)}
        if self.api_key is not None and self.api_key_in == "header":
            return {self.auth_header or "X-API-Key": self._with_scheme(self.api_key, "")}
        return {}

    def _certificate(self) -> ClientCertificate | None:
        password = self.ssl_key_password.get_secret_value() if self.ssl_key_password else None
        return ClientCertificate(self.ssl_cert, self.ssl_key, password) if self.ssl_cert else None

    def _oauth(self) -> ClientCredentials | None:
        if self.token_url is None or self.client_id is None or self.client_secret is None:
            return None
        from osiris_provider.connectors.http.oauth import ClientCredentials

        params = {name: value.get_secret_value() for name, value in (self.token_params or {}).items()}
        secret = self.client_secret.get_secret_value()
        return ClientCredentials(self.token_url, self.client_id, secret, self.scope, params, self.client_auth)

    def _with_scheme(self, secret: SecretStr, default: str) -> bytes:
        scheme = default if self.auth_scheme is None else self.auth_scheme
        return (f"{scheme} ".encode() if scheme else b"") + _encoded(secret)


class ApiConnector(HttpConnector[ApiConnection]):
    """Connector of family ``api``.

    Doctor asks for ``health_path``. With credentials it asks a second time without them: an address that answers
    both alike does not show that the credentials are good, and such a connection is not "ok".
    """

    family = "api"
    label = "REST API"
    model = ApiConnection
    statuses: ClassVar[Mapping[int, Fault]] = STATUSES
    other_types: ClassVar = {"http": HTTP}

    @classmethod
    def remarks(cls, fields: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        """Return also whether a token begins with the word that is sent before it; see :meth:`Connector.remarks`."""
        yield from super().remarks(fields)
        for name, default in (("token", "Bearer"), ("api_key", "")):
            given = fields.get("auth_scheme")
            scheme = default if given is None else str(given)
            if scheme and str(fields.get(name, "")).lower().startswith(f"{scheme.lower()} "):
                yield name, "begins with the word that is sent before it; leave it out here, or set auth_scheme to ''"

    def probe_with(self, model: ApiConnection, session: HttpSession) -> dict[str, Any]:
        """Ask for ``health_path`` with the credentials, and once without."""
        answer = self.checked(session.ask("GET", model.health_path, MAX_PROBE))
        if says_error(answer):
            raise HttpFaultError(SAYS_ERROR)
        if model.logs_in:
            if answer.is_page:
                raise HttpFaultError(WEB_PAGE)
            probe_difference(
                lambda: session.ask_as_stranger(model.health_path, MAX_PROBE, _auth_of_nobody(model)),
                _is_good,
                NEEDS_HEALTH_PATH,
            )
        return {"status": answer.status}


def _is_good(anonymous: Answer) -> bool:
    with suppress(HttpFaultError):
        return anonymous.is_success and not (anonymous.is_page or says_error(anonymous))
    # Broken JSON is no difference.
    return True


def _auth_of_nobody(model: ApiConnection) -> Any:
    from osiris_provider.connectors.http.auth import OriginAuth

    return OriginAuth(model.base_url, model.plain_headers())


def _encoded(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()
