"""Whether it was for a certificate of ours that a server has ended a TLS session: often its client hides that."""

from __future__ import annotations

import ssl

from osiris_provider.connectors.faults import CLIENT_CERTIFICATE, RESET, TLS_FAILED
from osiris_provider.errors import Fault
from osiris_provider.net.tls import CERTIFICATE_ALERTS, AlertSSLSocket

_alerts: list[str] = []
"""Of all TLS sessions of this process."""


class _WatchedSSLSocket(AlertSSLSocket):
    def on_alert(self, reason: str) -> None:
        _alerts.append(reason)


def watch_sessions() -> None:
    """Take note of the alerts that servers send; in this process only."""
    ssl.SSLContext.sslsocket_class = _WatchedSSLSocket


def refined(fault: Fault) -> Fault:
    """Return the fault of a certificate instead of one that says less, if that is what it was.

    :param fault: of a check in this process.
    """
    is_refused = not CERTIFICATE_ALERTS.isdisjoint(_alerts)
    return CLIENT_CERTIFICATE if is_refused and fault in (RESET, TLS_FAILED) else fault
