"""Taking secrets out of text that a person or a log will see (CONN-011)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

MASK = "***"
SHORTEST = 4
"""Characters of a secret that is looked for in any text; shorter ones are in most."""

_LEFT_BY_REQUESTS = "!#$%&'()*+,/:;=?@[]~"
_LEFT_BY_SQLALCHEMY = " +"
_UNCHANGED = re.compile(r"[A-Za-z0-9_.-]+")
"""What is never quoted, and most passwords are."""
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_LOGIN = re.compile(r"[^/@:]*:.*@", re.DOTALL)
_PASSWORD = re.compile(r"(?:\b|ssl)(?:password|pwd)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))", re.DOTALL | re.IGNORECASE)


SENSITIVE = (
    *("access_key", "api_key", "apikey", "authorization", "connection_string", "credential", "dsn", "key_content"),
    *("keyfile", "passphrase", "passwd", "password", "private_key", "sas_", "secret", "service_account", "service_key"),
    *("token", "webhook"),
)
"""Words of names of secrets."""


def is_sensitive(name: str) -> bool:
    """Return whether the name of an entry says that it is a secret.

    :param name: as written.
    """
    plain = name.lower().replace("-", "_")
    return any(word in plain for word in SENSITIVE)


def secrets_in(value: Any) -> Any:
    """Return what of an object of JSON may be secret: all below names that say so, or all of what is no object.

    :param value: of a field whose entries no one has declared.
    """
    return list(_sensitive(value)) if isinstance(value, Mapping) else value


def _sensitive(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if is_sensitive(str(name)):
                yield item
            else:
                yield from _sensitive(item)
    elif isinstance(value, list):
        for item in value:
            yield from _sensitive(item)


def spellings(secret: str) -> set[str]:
    """Return the forms in which a secret may stand in a text: raw, its lines, and as URLs, shells, SQL, Python or JSON
    quote it, or Python a text that is JSON.

    :param secret: the value in clear.
    """
    if _UNCHANGED.fullmatch(secret):
        return {secret}
    in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    in_commands = {shlex.quote(secret).strip("'"), secret.replace("'", "''")}
    forms = _quoted(secret).union(in_commands, {secret}, *map(_escaped, {secret, *in_json}))
    lines = [line for line in secret.splitlines() if len(line) > 3]
    return {form for form in forms.union(*map(_escaped, lines), lines) if form}


def _quoted(secret: str) -> set[str]:
    """Return a secret as the various libraries quote it in URLs."""
    data = secret.encode("utf-8", "surrogatepass")
    forms = {quote(data, safe=safe) for safe in ("", "/", _LEFT_BY_REQUESTS, _LEFT_BY_SQLALCHEMY)} | {quote_plus(data)}
    return forms | {_PERCENT.sub(lambda match: match[0].lower(), form) for form in forms}


def _escaped(secret: str) -> set[str]:
    """Return a secret as it stands in the repr or the JSON of a text, with or without quotes of both kinds in it."""
    data = secret.encode("utf-8", "surrogatepass")
    forms = {repr(secret)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1]}
    forms |= {repr(f"'\"{secret}")[4:-1], ascii(f"'\"{secret}")[4:-1], repr(b"'\"" + data)[5:-1]}
    return forms | {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}


class Redactor:
    """Replaces the given secrets, in all their spellings, by ``***`` in any text.

    :param secrets: values in clear; empty ones are passed over.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in spellings(secret)}
        self._longest_first = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` with every secret replaced."""
        # To compile the spellings of a long key takes a tenth of a second, and most texts hold none.
        held = [form for form in self._longest_first if form in text]
        return re.sub("|".join(map(re.escape, held)), MASK, text) if held else text

    def masked(self, value: object) -> str:
        """Return ``value`` as text, or only ``***`` if it holds any secret.

        For public values put into a message: partial masking would show where a short secret sits.

        :param value: a public value such as a host name.
        """
        text = str(value)
        for form in self._longest_first:
            if form in text:
                return MASK
        return text

    def inside(self, value: Any) -> Any:
        """Return a value with only ``***`` for each text in it that holds a secret of :data:`SHORTEST` characters.

        :param value: as JSON has it, such as what a server has said.
        """
        if isinstance(value, str):
            return MASK if any(form in value for form in self._longest_first if len(form) >= SHORTEST) else value
        if isinstance(value, dict):
            return {self.inside(str(name)): self.inside(item) for name, item in value.items()}
        return [self.inside(item) for item in value] if isinstance(value, (list, tuple)) else value


def texts(value: Any) -> Iterator[str]:
    """Yield every text and number inside a nested value, as text.

    :param value: a secret field's value: text, or a mapping or list of texts.
    """
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


class Declared(Protocol):
    """What there is to know of a declared field."""

    @property
    def secret(self) -> bool:
        """Whether it holds a secret."""


def secret_texts(declared: Mapping[str, Declared], fields: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text that may be secret: those of secret fields, and those of unknown ones.

    :param declared: the declared fields of a family.
    :param fields: of a connection, valid or not, in clear.
    """
    for name, value in fields.items():
        spec = declared.get(name)
        if spec is None:
            # No one knows what an undeclared field holds; short words would only garble messages.
            yield from (text for text in texts(value) if len(text) >= SHORTEST)
        elif spec.secret:
            for text in texts(value):
                yield text
                yield from passwords_in(text)


def passwords_in(text: str) -> Iterator[str]:
    """Yield the passwords in a connection string, as URL or as ``key=value`` pairs, quoting undone.

    :param text: the value of a secret field; most are no connection string.
    """
    if "://" in text:
        login, _, host = text.partition("://")[2].rpartition("@")
        password = login.partition(":")[2] if host else ""
        yield from {password, unquote(password)} - {""}
    for quoted, plain in _PASSWORD.findall(text):
        yield re.sub(r"\\(.)", r"\1", quoted or plain, flags=re.DOTALL)
        # In the query of a URL, and in the strings of ODBC and JDBC, others follow without a blank.
        first = re.split("[&;]", plain)[0]
        yield from {first, unquote(first)} - {"", plain}


def without_passwords(text: str) -> str:
    """Return a text without the passwords of connection strings in it, whosever they are.

    :param text: of somebody else, such as what a server says of a statement.
    """
    return Redactor(password for password in passwords_in(text) if len(password) >= SHORTEST)(text)


def safe_url(text: str) -> str:
    """Return a public text without what people put into URLs: user, password, query and fragment.

    :param text: a public value, perhaps a URL or a part of one (``md:db?motherduck_token=…``, ``user:pw@host``).
    """
    if "://" not in text:
        text = _LOGIN.sub("", text, count=1) if "@" in text else text
        return text.partition("?")[0]
    try:
        parts = urlsplit(text)
        # A password with a slash that is not quoted looks like a port that is no number.
        _ = parts.port
    except ValueError:
        return MASK
    # Or like a port that is one, if it begins with digits; one with @ like another host.
    if re.search("[:@]", parts.netloc) and "@" in parts.path + parts.query + parts.fragment:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def public_value(value: Any, redactor: Redactor) -> Any:
    """Return the value of a public field as it may be shown: no login in a URL, and no secret of the connection.

    :param value: of a field that is public.
    :param redactor: of the connection's secrets.
    """
    if not isinstance(value, str):
        # No public field holds several: that is a mistake, of which nothing is known.
        return MASK if isinstance(value, (Mapping, list, tuple)) else value
    if redactor.masked(value) == value:
        return safe_url(value)
    shown = safe_url(redactor(value))
    # As doctor does: the whole value goes, for a part of it would show where a short secret sits.
    return MASK if MASK in shown else shown
