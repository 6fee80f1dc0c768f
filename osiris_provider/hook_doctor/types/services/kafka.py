"""Kafka: librdkafka tells of broken connections and refused logins by a callback; its list of topics only times out."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import (
    MISCONFIGURED,
    RESET,
    TIMED_OUT,
    TLS_FAILED,
    UNKNOWN_HOST,
)
from osiris_provider.connectors.sql.faults import DENIED, NOT_READY, WRONG_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection

# For librdkafka a broker that does not offer the mechanism is the same.
_REFUSED = WRONG_PASSWORD.reworded(
    "{address} does not accept this user and password, or no login by this sasl.mechanism. Check all three."
)


class KafkaCodeError(Exception):
    """What librdkafka or a broker said.

    :param code: of a KafkaError; those of librdkafka itself are negative.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _list_topics(hook: Any) -> Details:
    import time

    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    codes: list[int] = []
    config = hook._build_config()  # noqa: SLF001 - the hook's clients are made without a callback for errors
    client = AdminClient({**config, **_ONCE, "error_cb": lambda error: codes.append(error.code())})
    while not _final(codes):
        client.poll(0)
        try:
            client.list_topics(timeout=0.5)
            break
        except KafkaException as error:
            client.poll(0)
            code = error.args[0].code()
            if code not in _WAITS:
                raise KafkaCodeError(code) from None
        time.sleep(0.05)
    if final := _final(codes):
        raise KafkaCodeError(final)
    mechanism = config.get("sasl.mechanism") or config.get("sasl.mechanisms")
    is_sasl = str(config.get("security.protocol", "")).upper().startswith("SASL")
    return {"proven": bool(mechanism) and is_sasl}


_ONCE = {"reconnect.backoff.ms": 600_000, "reconnect.backoff.max.ms": 600_000}
"""librdkafka tries a broker again after a tenth of a second, and refused credentials as well."""
_WAITS = (-195, -185, -187)
"""A broken connection, a timeout, all brokers down: librdkafka goes on."""


def _final(codes: list[int]) -> int:
    """Return the code that says most of why nothing was reached; 0 while nothing final was said."""
    return next((code for code in codes if code not in (*_WAITS, 0)), 0)


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    brokers = str(connection.extra.get("bootstrap.servers", ""))
    host, _, port = brokers.rpartition(":")
    # One of several is enough.
    return (host, int(port)) if host and port.isdecimal() and "," not in brokers else None


TYPE = HookType(
    conn_types=("kafka",),
    title="Apache Kafka",
    codes={
        "KafkaCodeError": {
            -169: _REFUSED,
            -181: TLS_FAILED,
            -193: UNKNOWN_HOST,
            -185: TIMED_OUT,
            -186: MISCONFIGURED,
            -195: RESET,
            7: TIMED_OUT,
            8: NOT_READY,
            29: DENIED,
            30: DENIED,
            31: DENIED,
        },
        "KafkaException": MISCONFIGURED,
    },
    codes_at=("code",),
    probe=_list_topics,
    endpoint=_endpoint,
    connect_first=True,
    evidence="imitation",
)
