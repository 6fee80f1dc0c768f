"""Which names of connection fields are about security, so that a field no one knows may not simply be ignored.

``ssl_mode: VERIFY_IDENTITY`` in a family that spells it otherwise would be a connection without TLS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from osiris_provider.connections.reference import shown
from osiris_provider.messages import did_you_mean

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


MISSPELT = 0.8
"""How near a name must be to that of a field to be a misspelling of it; 1 is equal."""


def is_about_security(name: str) -> bool:
    """Return whether a field's name is about TLS, certificates, authorities or ways to log in.

    The words of the name decide, between separators or capitals: ``ca_file`` and ``useSSL`` are about security,
    ``catalog``, ``location`` and ``author`` are not.

    :param name: as written.
    """
    words = [word.lower() for word in _BOUNDARY.split(name) if word]
    joined = f"_{'_'.join(words)}_"
    return any(_WORD.fullmatch(word) for word in words) or any(f"_{phrase}_" in joined for phrase in _PHRASES)


def unknown_security_fields(fields: Mapping[str, Any], known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each unknown field that is about security, at any depth, with what to do about it.

    :param fields: those that the family does not know.
    :param known: the fields that it does, by name and by alias.
    """
    for name, value in fields.items():
        path = next(_security_paths(name, value), None)
        if path is not None:
            yield name, _advice(path, known)
        elif _is_misspelt(name, known):
            yield name, f"is not known and is near to a name about security, so it is not ignored.{_near(name, known)}"


def _security_paths(path: str, value: Any) -> Iterator[str]:
    if is_about_security(path.rpartition(".")[2] if "." in path else path):
        yield path
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _security_paths(f"{path}.{name}", inner)


def _is_misspelt(name: str, known: Mapping[str, str]) -> bool:
    """Return whether what was meant is most likely a field about security."""
    near = get_close_matches(name.lower().replace("-", "_"), list(known), n=1, cutoff=MISSPELT)
    return bool(near) and is_about_security(known[near[0]])


def _advice(path: str, known: Mapping[str, str]) -> str:
    security = {alias: name for alias, name in known.items() if is_about_security(name)}
    what = "is not known and its name is" if "." not in path else f"is not known and holds {shown(path)}, which is"
    listed = f" Fields of that kind are {', '.join(dict.fromkeys(security.values()))}." if security else ""
    return f"{what} about security, so it is not ignored.{_near(path, security)}{listed}"


def _near(path: str, security: Mapping[str, str]) -> str:
    written = path.lower().replace("-", "_")
    if sum(name.startswith(written) for name in security) > 1:
        # Of what begins with "ssl" none is nearer than the others.
        return ""
    return did_you_mean(written, list(security))
