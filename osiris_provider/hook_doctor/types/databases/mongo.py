"""MongoDB: the hook has no test. A ping needs no right, but the client logs in before it, if it has credentials."""

from __future__ import annotations

from typing import Any

from osiris_provider.connectors.faults import (
    CERTIFICATE_UNTRUSTED,
    DNS_FAILED,
    DNS_SILENT,
    GARBAGE,
    MISCONFIGURED,
    RESET,
    THROTTLED,
    TIMED_OUT,
    TLS_FAILED,
    UNKNOWN_HOST,
)
from osiris_provider.connectors.http.faults import SERVER_ERROR, UNAUTHORIZED
from osiris_provider.connectors.sql.faults import (
    DENIED,
    HOST_NOT_ALLOWED,
    KILLED,
    LOCK_TIMEOUT,
    LOGIN_METHOD,
    NO_PASSWORD,
    NOT_READY,
    READ_ONLY,
    SERVER_FULL,
    TOO_MANY_CONNECTIONS,
    WRONG_PASSWORD,
)
from osiris_provider.hook_doctor.base import ELSE, Details, HookType
from osiris_provider.hook_doctor.connection import HookConnection
from osiris_provider.hook_doctor.tables import numbered

_OTHER_SET = MISCONFIGURED.reworded(
    "What answers at {address} is no member of the replica set of the connection. Correct replicaSet, or leave it out."
)
_NO_PRIMARY = NOT_READY.reworded(
    "The replica set at {address} has no primary now, or has not been initiated. Try again; look into its state."
)
_UNAUTHORIZED = 13
_TOKEN = UNAUTHORIZED.reworded("{address} does not accept this token. Get a new one.")
_CODES = numbered(
    (DENIED, "13 33 371"),
    # A user that is not in the database to which it logs in, and an Atlas login; a user that has been changed.
    (WRONG_PASSWORD, "11 18 337 391 8000"),
    (_TOKEN, "390 392 393"),
    # A mechanism that the server does not offer, or not to this user.
    (LOGIN_METHOD, "2 17 69 334 404"),
    (HOST_NOT_ALLOWED, "214"),
    (READ_ONLY, "10058 10107 13435"),
    # Starting, stopping, voting, or its members do not reach each other.
    (
        NOT_READY,
        (
            "6 7 70 71 74 76 91 93-95 109 133-135 149 189 190 199 203 216 303 308 333 365 372 384 406 9001 11600 11602 "
            "13436 50915 56846 91331"
        ),
    ),
    (TOO_MANY_CONNECTIONS, "208 261 402 407 433 450"),
    # And Azure Cosmos DB.
    (THROTTLED, "449 462 16500"),
    (SERVER_FULL, "146 264 14031"),
    (TIMED_OUT, "50 89 202 262 290 342"),
    (LOCK_TIMEOUT, "24 46 107"),
    (KILLED, "237 279 281 282 317 355 11601 46841 10045600"),
    (RESET, "172-174 223"),
    (UNKNOWN_HOST, "230"),
    (DNS_FAILED, "231 240"),
    (TLS_FAILED, "140 141"),
    (CERTIFICATE_UNTRUSTED, "299 302"),
    (SERVER_ERROR, "1 8 96 125"),
    # A version of the API, or a balancer that the other side knows nothing of.
    (MISCONFIGURED, "101 188 322-324 347 352 354"),
)
"""Of MongoDB's error_codes.yml."""


class MongoNoMemberError(Exception):
    """The server that was asked is no member of the replica set that the connection names."""


class MongoNoPrimaryError(Exception):
    """All members were asked that are known, and none of those that answered is one that may be read."""


class MongoNoLoginError(Exception):
    """The connection has no credentials, and the server wants some."""


def _ping(hook: Any) -> Details:
    with hook:
        client = hook.get_conn()
        _await_answer(client)
        client.admin.command("ping", read_preference=client.read_preference)
        has_credentials = bool(hook.connection.login and hook.connection.password) or "authMechanism" in hook.extras
        if not has_credentials:
            _ask_who_may(client)
    return {"proven": has_credentials}


def _await_answer(client: Any) -> None:
    """Wait until a server has answered; the client itself would try again for half a minute, and not say what it met.

    :raises Exception: what it met, at the last of the servers.
    """
    import time

    while True:
        topology = client.topology_description
        servers = list(topology.server_descriptions().values())
        if not servers:
            raise MongoNoMemberError
        if topology.has_readable_server(client.read_preference):
            return
        if all(server.error for server in servers):
            raise servers[-1].error
        if all(server.error or server.is_server_type_known for server in servers):
            raise MongoNoPrimaryError
        time.sleep(0.01)


def _ask_who_may(client: Any) -> None:
    """Ask what only those may who have logged in, whatever their rights are: of a ping no one is asked who he is.

    :raises MongoNoLoginError: the server wants a login.
    """
    from pymongo.errors import OperationFailure

    try:
        client.admin.command(
            "listDatabases", nameOnly=True, authorizedDatabases=True, read_preference=client.read_preference
        )
    except OperationFailure as error:
        if error.code == _UNAUTHORIZED:
            raise MongoNoLoginError from None


def _endpoint(connection: HookConnection) -> tuple[str, int] | None:
    host = connection.host or ""
    # With srv, DNS has the servers; with commas there are several, and one is enough.
    if connection.extra.get("srv") or "," in host or not host:
        return None
    name, _, port = host.rpartition(":")
    # It becomes a part of a URL, where a port may follow.
    is_full = connection.port is None and port.isdecimal() and ":" not in name
    return (name, int(port)) if is_full else (host, connection.port or 27017)


TYPE = HookType(
    conn_types=("mongo",),
    title="MongoDB",
    codes={
        "MongoNoMemberError": _OTHER_SET,
        "MongoNoPrimaryError": _NO_PRIMARY,
        "MongoNoLoginError": NO_PASSWORD,
        "OperationFailure": _CODES,
        "ConfigurationError": {ELSE: MISCONFIGURED},
        # Of dnspython, which looks for the servers of SRV.
        "NXDOMAIN": UNKNOWN_HOST,
        "NoAnswer": UNKNOWN_HOST,
        "NoNameservers": DNS_FAILED,
        "LifetimeTimeout": DNS_SILENT,
        "InvalidURI": MISCONFIGURED,
        "NotPrimaryError": {**_CODES, ELSE: NOT_READY},
        "ServerSelectionTimeoutError": {ELSE: TIMED_OUT},
        "NetworkTimeout": TIMED_OUT,
        "WaitQueueTimeoutError": TIMED_OUT,
        "ExecutionTimeout": {**_CODES, ELSE: TIMED_OUT},
        "InvalidName": MISCONFIGURED,
        "AutoReconnect": {ELSE: RESET},
        "ConnectionFailure": RESET,
        "ProtocolError": GARBAGE,
        "InvalidBSON": GARBAGE,
    },
    codes_at=("code", "details.code"),
    probe=_ping,
    endpoint=_endpoint,
    connect_first=True,
    needs_host=True,
    evidence="imitation",
)
