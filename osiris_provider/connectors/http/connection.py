"""The base of the HTTP families' connection models, and the types of their fields."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from osiris_provider.connectors.http.urls import authority_of
from osiris_provider.connectors.model import ConnectionModel, FieldInfo

if TYPE_CHECKING:
    from osiris_provider.connectors.http.oauth import ClientCredentials

CONNECT_SECONDS = 10.0
IN_CLEAR = "http is not encrypted: others on the way can read the credentials; use https"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


def checked_url(text: str) -> str:
    """Return a base URL as written, without a slash at its end.

    :param text: ``http://`` or ``https://``, without user, password, query and fragment.
    :raises ValueError: says what is wrong, without showing the value.
    """
    text = text.strip()
    parts = _split(text)
    # A password that begins with digits and holds a slash looks like a port and a path.
    if parts is not None and ("@" in parts.netloc or (":" in parts.netloc and "@" in parts.path)):
        problem = "must not hold user or password, because it is shown; put them into fields of their own"
        raise ValueError(problem)
    if parts is None or authority_of(text) is None or re.search(r"\s", text):
        problem = "is not a URL such as https://api.example.com/v1"
        raise ValueError(problem)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        problem = "must not have a query or fragment, because it is shown; put a key into a field of its own"
        raise ValueError(problem)
    return text.rstrip("/")


def _split(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def is_loopback(host: str | None) -> bool:
    """Return whether a host is this machine itself.

    :param host: a name or an address without brackets.
    """
    return bool(_LOOPBACK.fullmatch(host or ""))


def is_readable(url: str) -> bool:
    """Return whether others on the way can read what is sent to a URL: http, and not to this machine.

    :param url: as it is written in a connection.
    """
    parts = _split(url.strip())
    return parts is not None and parts.scheme.lower() == "http" and not is_loopback(parts.hostname)


def _checked_text(value: SecretStr) -> SecretStr:
    # A variable that is not UTF-8 comes as lone surrogates; the codec's own error would show all of it.
    if any("\ud800" <= character <= "\udfff" for character in value.get_secret_value()):
        problem = "is not valid UTF-8"
        raise ValueError(problem)
    return value


def _checked_header(value: SecretStr) -> SecretStr:
    if _CONTROL.search(value.get_secret_value()):
        problem = "holds a line break or another control character, which no HTTP header may carry"
        raise ValueError(problem)
    return _checked_text(value)


Url = Annotated[str, AfterValidator(checked_url)]
"""A base URL that is safe to show."""

TextSecret = Annotated[SecretStr, AfterValidator(_checked_text)]
"""A secret that is sent encoded."""

HeaderSecret = Annotated[SecretStr, AfterValidator(_checked_header)]
"""A secret that is sent in a header as it is."""

Timeout = Annotated[float, FieldInfo("Seconds to wait for each piece of an answer."), Field(gt=0, le=3600)]
CaBundle = Annotated[str | None, FieldInfo("PEM file of a private CA to trust besides the public ones.")]

ClientCert = Annotated[str | None, FieldInfo("PEM file of the client certificate, for a server that asks for one.")]
ClientKey = Annotated[str | None, FieldInfo("PEM file of the client certificate's key.")]
ClientKeyPassword = Annotated[TextSecret | None, FieldInfo("Password of the client certificate's key.")]


@dataclass(frozen=True)
class ClientCertificate:
    """Files that show a server who is there.

    :param cert: PEM file.
    :param key: PEM file of its key, if it is not in ``cert``.
    :param password: of the key.
    """

    cert: str
    key: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Endpoint:
    """Where and as whom to talk HTTP.

    :param credentials: headers for this origin only, as bytes (UTF-8).
    :param headers: headers without secrets, for every request.
    :param query: parameters with secrets, for this origin only.
    :param oauth: how to get a bearer token for this origin.
    :param certificate: of the client, for this origin only, and that of the token.
    """

    base_url: str
    timeout: float
    ca_bundle: str | None
    credentials: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str | bytes] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    oauth: ClientCredentials | None = None
    certificate: ClientCertificate | None = None


class HttpConnection(ConnectionModel):
    """Base of the HTTP families' connection models."""

    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Return where and as whom to talk."""

    @property
    def logs_in(self) -> bool:
        """Whether it says who is there, so that there is something to prove, and to keep secret."""
        return True

    @abstractmethod
    def identity(self) -> tuple[str, str]:
        """Return user and secret as they stand in a URL; both may be empty."""

    def shown_address(self) -> str:
        """Return the base URL; it never holds credentials."""
        return self.endpoint().base_url

    def as_url(self, *, redacted: bool) -> str:
        """Return the base URL with the credentials as user and password."""
        return self.url_with_identity(self.shown_address(), redacted=redacted)

    def url_with_identity(self, url: str, *, redacted: bool) -> str:
        """Return a URL with the credentials as user and password, quoted.

        :param url: without credentials.
        :param redacted: True puts ``***`` for them.
        """
        user, secret = self.identity()
        if not (user or secret):
            return url
        shown = "***" if redacted else f"{quote(user, safe='')}:{quote(secret, safe='')}"
        return url.replace("://", f"://{shown}@", 1)

    def connect_seconds(self) -> float:
        """Return how long connecting may take."""
        return min(self.endpoint().timeout, CONNECT_SECONDS)
