"""Which names of connection fields are about security, so that a field nobody knows may not simply be ignored.

``ssl_mode: VERIFY_IDENTITY`` in a family that spells it otherwise would be a connection without TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from osiris_provider.connections.reference import shown
from osiris_provider.errors import did_you_mean

_BOUNDARY = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(
    r"""
      (ssl|tls|mtls|x509|pkcs|sasl|scram|gss|krb|kerberos|cipher|insecure|keystore|truststore) .*
    | .* (ssl|tls)                                         # useSSL, starttls, usetls
    | .* (verify|verifies|verification|encrypt) .*         # sslverify, noverify, encryption
    | (?! certain) cert .* | (?! concert) .* certs?        # certificate, clientcert; not certainty, concert
    | (?! authors? $ | authored) auth .* | .* o?auth [0-9]*    # authentication, oauth2; not author
    | (root|client|server|trusted)? ca (s|certs?|bundle|chain|data|dir|file|info|path|root|store)?
    | crls? | crl (dir|file|path) | secure | security | trust | trusted | cleartext | channelbinding
    """,
    re.VERBOSE,
)
_PHRASES = ("channel_binding", "check_hostname", "assert_hostname", "public_key", "private_key", "client_key")
MAX_LISTED = 12


def is_about_security(name: str) -> bool:
    """Return whether a field's name is about TLS, certificates, authorities or ways to log in.

    The words of the name decide, between separators or capitals: ``ca_file`` and ``useSSL`` are about security,
    ``catalog``, ``location`` and ``author`` are not.

    :param name: as written.
    """
    words = [word.lower() for word in _BOUNDARY.split(name) if word]
    joined = f"_{'_'.join(words)}_"
    return any(_WORD.fullmatch(word) for word in words) or any(f"_{phrase}_" in joined for phrase in _PHRASES)


def unknown_security_fields(fields: Mapping[str, Any], declared: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each unknown field that is about security, at any depth, with what to do about it.

    :param fields: those that the family does not know.
    :param declared: the names that it knows, aliases included.
    """
    known = list(declared)
    for name, value in fields.items():
        path = next(_security_paths(name, value), None)
        if path is not None:
            yield name, _advice(path, known)


def _security_paths(path: str, value: Any) -> Iterator[str]:
    if is_about_security(path.rpartition(".")[2] if "." in path else path):
        yield path
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _security_paths(f"{path}.{name}", inner)


def _advice(path: str, known: list[str]) -> str:
    security = [name for name in known if is_about_security(name)]
    near = did_you_mean(path.lower().replace("-", "_"), security) or did_you_mean(path, known)
    what = "is not known and its name is" if "." not in path else f"is not known and holds {shown(path)}, which is"
    listed = f" Fields of that kind are {', '.join(security[:MAX_LISTED])}." if security else ""
    return f"{what} about security, so it is not ignored.{near}{listed}"
