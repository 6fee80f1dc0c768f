"""TLS of the HTTP client: whom it trusts, which certificate it shows, and whether a server speaks it at all.

This module imports requests, so it is itself imported only where a client is made.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy  # noqa: TID253 - the module is only loaded when a client is made

from osiris_provider.connectors.model import readable_file
from osiris_provider.errors import ConnectionConfigError
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket
from osiris_provider.net.tls import DeadlineContext, shared_context, tls_context
from osiris_provider.net.tls_files import Role, TLSFileError, load_authorities, load_certificate


def trusting(ca_bundle: str | None, *, shared: bool = False) -> DeadlineContext:
    """Return a TLS context that trusts the public authorities and those of a file.

    :param ca_bundle: PEM file, or None.
    :param shared: whether a context will do that others use too and that no one changes.
    :raises ConnectionConfigError: that file, or one that the environment adds, is of no use.
    """
    own = bundle_of_environment()
    try:
        if shared and not ca_bundle:
            return shared_context(_public_context, own)
        context = _public_context(own)
    except TLSFileError as error:
        message = f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the environment: {error.problem}."
        raise ConnectionConfigError(message) from None
    try:
        if ca_bundle:
            load_authorities(context, ca_bundle)
    except TLSFileError as error:
        raise ConnectionConfigError(error.text("ca_bundle"), field="ca_bundle") from None
    return context


_CERTIFICATE_FIELDS: Mapping[Role, str] = {"cert": "ssl_cert", "key": "ssl_key", "password": "ssl_key_password"}


def certified(ca_bundle: str | None, cert: str, key: str | None, password: str | None) -> DeadlineContext:
    """Return a TLS context that trusts as that of :func:`trusting`, and shows a client certificate.

    :param ca_bundle: PEM file, or None.
    :param cert: PEM file of the certificate.
    :param key: PEM file of its key, if it is not in ``cert``.
    :param password: of the key.
    :raises ConnectionConfigError: one of the files is of no use.
    """
    context = trusting(ca_bundle)
    files = str(readable_file("ssl_cert", cert)), readable_file("ssl_key", key)
    try:
        load_certificate(context, *files, password)
    except TLSFileError as error:
        name = _CERTIFICATE_FIELDS[error.role]
        problem = error.text(name)
    else:
        return context
    raise ConnectionConfigError(problem, field=name)


def shake_hands(url: str, deadline: Deadline) -> tuple[bool, bool]:
    """Return whether a server speaks TLS, and whether it asks for a client certificate; nothing else is said to it.

    :param url: that was asked in vain; False for both if a proxy is between.
    :param deadline: bounds it.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme.lower() == "https" else 80)
    if select_proxy(url, get_environ_proxies(url)):
        return False, False
    context, read = tls_context(verify=False), set()

    def note(_line: Any, direction: str, _version: Any, _content: Any, kind: Any, _data: bytes) -> None:
        if direction == "read":
            read.add(getattr(kind, "name", ""))

    # Python has no public place for what a handshake is made of.
    context._msg_callback = note  # type: ignore[attr-defined] # noqa: SLF001 - as above
    speaks = True
    try:
        with closing(open_socket(host, port, deadline)) as line:
            context.wrap_socket(line, server_hostname=host).close()
    except OSError as error:
        speaks = isinstance(error, ssl.SSLError) and "_ALERT_" in (error.reason or "")
    return speaks, "CERTIFICATE_REQUEST" in read


def _public_context(bundle: str | None = None) -> DeadlineContext:
    context = tls_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if bundle and os.path.isdir(bundle):
        context.load_verify_locations(capath=bundle)
    elif bundle:
        load_authorities(context, bundle)
    return context


def bundle_of_environment() -> str | None:
    """Return the authorities that users of requests add with a variable."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
