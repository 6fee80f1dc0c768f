"""Kafka: librdkafka tells of broken connections and refused logins by a callback; its list of topics only times out."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from osiris_provider.connectors.faults import (
    GARBAGE,
    MISCONFIGURED,
    RESET,
    THROTTLED,
    TIMED_OUT,
    TLS_FAILED,
    UNKNOWN_HOST,
    UNREACHABLE,
)
from osiris_provider.connectors.http.faults import SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD, NOT_READY, SERVER_FULL, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import numbered
from osiris_provider.net.deadline import Deadline
from osiris_provider.net.sockets import open_socket

# For librdkafka a broker that does not offer the mechanism is the same.
_REFUSED = WRONG_PASSWORD.reworded(
    "{address} does not accept this user and password, or no login by this sasl.mechanism. Check all three."
)


_ADVERTISED = UNREACHABLE.reworded(
    "{address} answers, but none of the brokers that it names can be reached from here. Check advertised.listeners "
    "there, and the names and ports in it."
)
_CODES = numbered(
    (_REFUSED, "-169 34 58 93"),
    (UNAUTHORIZED, "61-64 66"),
    (LOGIN_METHOD, "33 54"),
    (DENIED, "29-31 44 53 65"),
    (TLS_FAILED, "-181"),
    (UNKNOWN_HOST, "-193"),
    (TIMED_OUT, "-192 -185 -166 7"),
    (RESET, "-197 -196 -195 -187 13"),
    # Its brokers, leaders, controllers and coordinators.
    (NOT_READY, "5 6 8 9 14-16 19 20 41 56 72 75 77 116 129"),
    (THROTTLED, "89"),
    (GARBAGE, "-199 -198 -155 2 4 35 42"),
    # Files, features and mechanisms that librdkafka here does not have, too.
    (MISCONFIGURED, "-189 -186 -171 -170 -165 -145 114 115"),
    (SERVER_FULL, "-194"),
    (SERVER_ERROR, "-1"),
)
"""Of Kafka's protocol; those below zero are librdkafka's own."""


class KafkaCodeError(Exception):
    """What librdkafka or a broker said.

    :param code: of a KafkaError; those of librdkafka itself are negative.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class KafkaNotReachedError(Exception):
    """The cluster has answered, and names brokers of which none can be reached."""


def _list_topics(hook: Any) -> Details:
    import time

    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    codes: list[int] = []
    config = hook._build_config()  # noqa: SLF001 - the hook's clients are made without a callback for errors
    client = AdminClient({**config, **_ONCE, "error_cb": lambda error: codes.append(error.code())})
    brokers = _brokers(config.get("bootstrap.servers"))
    while not (final := _final(codes, len(brokers))):
        client.poll(0)
        try:
            cluster = client.list_topics(timeout=0.5)
            break
        except KafkaException as error:
            client.poll(0)
            code = error.args[0].code()
            if code not in _WAITS:
                raise KafkaCodeError(code) from None
        time.sleep(0.05)
    if final:
        if final in _OF_TLS and len(brokers) == 1:
            _shake_hands(config, brokers[0])
        raise KafkaCodeError(final)
    _reach([f"{broker.host}:{broker.port}" for broker in cluster.brokers.values()], brokers)
    mechanism = config.get("sasl.mechanism") or config.get("sasl.mechanisms")
    is_sasl = str(config.get("security.protocol", "")).upper().startswith("SASL")
    return {"proven": bool(mechanism) and is_sasl}


_ONCE = {"reconnect.backoff.ms": 600_000, "reconnect.backoff.max.ms": 600_000}
"""librdkafka tries a broker again after a tenth of a second, and refused credentials as well."""
_BROKEN, _TIMED_OUT, _ALL_DOWN, _REFUSED_LOGIN = -195, -185, -187, -169
_WAITS = (_BROKEN, _TIMED_OUT, _ALL_DOWN)
"""librdkafka goes on."""


_OF_TLS = (-181, _BROKEN)
"""What librdkafka says of TLS that fails; a client's certificate that is wanted and not there may be either."""
_SECONDS, _ALERT_SECONDS, _MAX_TRIES = 5.0, 0.5, 3


def _shake_hands(config: Mapping[str, Any], broker: str) -> None:
    """Shake hands once more, where TLS may be why a broker was not reached: librdkafka has only words for its reasons.

    :raises OSError: TLS is the reason.
    """
    protocol = str(config.get("security.protocol", "")).upper()
    host, _, port = broker.rpartition(":")
    # Certificates in other places than files are for librdkafka alone.
    if not protocol.endswith("SSL") or not port.isdecimal() or any(name in config for name in _NOT_FILES):
        return
    context = ssl.create_default_context(cafile=config.get("ssl.ca.location"))
    if str(config.get("enable.ssl.certificate.verification", True)).lower() == "false":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if config.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if certificate := config.get("ssl.certificate.location"):
        context.load_cert_chain(certificate, config.get("ssl.key.location"), config.get("ssl.key.password"))
    with (
        open_socket(host, int(port), Deadline(_SECONDS)) as line,
        context.wrap_socket(line, server_hostname=host) as encrypted,
        suppress(TimeoutError),
    ):
        # With TLS 1.3 a server says what it thinks of the client's certificate after that.
        encrypted.settimeout(_ALERT_SECONDS)
        encrypted.recv(1)


_NOT_FILES = ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.engine.location")


def _reach(named: list[str], asked: list[str]) -> None:
    """See that one of the brokers that a cluster names can be reached: from then on clients talk to these only.

    :param named: that the cluster has named.
    :param asked: of which one has just answered.
    :raises KafkaNotReachedError: none can.
    """
    if not named or set(named) & set(asked):
        return
    for broker in named[:_MAX_TRIES]:
        host, _, port = broker.rpartition(":")
        with suppress(OSError, ValueError, OverflowError):
            open_socket(host, int(port), Deadline(_SECONDS)).close()
            return
    raise KafkaNotReachedError


def _brokers(servers: Any) -> list[str]:
    return [name.strip() for name in str(servers or "").split(",") if name.strip()]


def _final(codes: list[int], brokers: int) -> int:
    """Return the code that says most of why nothing was reached; 0 while nothing final was said.

    :param codes: that were said so far.
    :param brokers: that are tried: one that answers is enough, but what one says of a login all would say.
    """
    said = [code for code in codes if code not in (*_WAITS, 0)]
    if brokers > 1 and _REFUSED_LOGIN not in said and _ALL_DOWN not in codes:
        return 0
    return next((code for code in (_REFUSED_LOGIN, *said) if code in said), _BROKEN if _ALL_DOWN in codes else 0)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    brokers = _brokers(connection.extra.get("bootstrap.servers"))
    host, _, port = brokers[0].rpartition(":") if len(brokers) == 1 else ("", "", "")
    # One of several is enough.
    return (host, int(port)) if host and port.isdecimal() else None


def _in_clear(connection: HookConnection) -> str | None:
    config = connection.extra
    mechanism = str(config.get("sasl.mechanism") or config.get("sasl.mechanisms"))
    is_plain = str(config.get("security.protocol")).upper() == "SASL_PLAINTEXT"
    brokers = _brokers(config.get("bootstrap.servers"))
    is_local = all(name.startswith(("localhost:", "127.", "[::1]")) for name in brokers)
    # SCRAM and Kerberos send nothing from which the password can be read.
    is_readable = mechanism.upper() in ("PLAIN", "OAUTHBEARER") and not is_local
    return "set security.protocol to SASL_SSL" if is_plain and is_readable else None


TYPE = HookType(
    conn_types=("kafka",),
    title="Apache Kafka",
    codes={
        "KafkaCodeError": _CODES,
        "KafkaException": MISCONFIGURED,
        "KafkaNotReachedError": _ADVERTISED,
    },
    codes_at=("code",),
    probe=_list_topics,
    endpoint=_endpoint,
    connect_first=True,
    in_clear=_in_clear,
    evidence="imitation",
)
