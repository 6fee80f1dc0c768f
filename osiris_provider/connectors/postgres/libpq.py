"""Logging in to PostgreSQL within a deadline, and learning by code why it failed.

libpq keeps ``connect_timeout`` per address and in whole seconds, and psycopg2 tells no SQLSTATE for a refused login,
only prose in the server's language. Both are mended here with libpq's own means: its asynchronous connection is polled
under the deadline, and its error verbosity is set so that the error's text is the SQLSTATE.

What fails before the server can send an error has no SQLSTATE. Then, and only then, the same steps are gone through
once more with a plain socket: :mod:`osiris_provider.connectors.postgres.diagnose`.
"""

from __future__ import annotations

import ctypes
import re
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from osiris_provider.connectors.faults import RESET, TLS_REFUSED, TLS_REQUIRED
from osiris_provider.connectors.postgres import auth
from osiris_provider.connectors.postgres.diagnose import diagnose
from osiris_provider.connectors.postgres.faults import (
    GSS_REFUSED,
    LOGIN_DENIED,
    NOT_DIRECT,
    NOT_PROVEN,
    WRONG_SERVER,
    fault_of_sqlstate,
)
from osiris_provider.connectors.postgres.library import Parameters, libpq
from osiris_provider.connectors.postgres.line import Line, wait, watched_class
from osiris_provider.connectors.sql.dbapi import DiagnosedError
from osiris_provider.connectors.sql.faults import NO_PASSWORD, UNKNOWN_LOGIN
from osiris_provider.errors import ConnectionConfigError, Fault
from osiris_provider.net.deadline import Deadline, TooMuchDataError
from osiris_provider.net.dns import address_text, addresses_of

if TYPE_CHECKING:
    from psycopg2 import extensions

__all__ = ["as_reached", "log_in", "wait"]

AS_REACHED = ("hostaddr", "sslmode", "require_auth")
"""Parameters that say over which line a login succeeded."""

_PQERRORS_SQLSTATE = 3
_CODES = re.compile(r":\s+([0-9A-Z]{5})\s*$", re.MULTILINE)


def log_in(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    """Return an asynchronous connection, logged in; :func:`wait` waits for its answers.

    :param parameters: of libpq.
    :param deadline: bounds time and bytes.
    :raises DiagnosedError: the login failed and the reason is known.
    :raises ConnectionConfigError: libpq does not take a parameter.
    :raises OSError: the server was not reached; TimeoutError if it did not answer in time.
    """
    try:
        return _log_in(parameters, deadline)
    except _LoginError as error:
        failed = error
    if (
        failed.code == LOGIN_DENIED
        and parameters.get("sslmode") == "disable"
        and _further_with_tls(parameters, deadline)
    ):
        raise DiagnosedError(TLS_REQUIRED)
    if failed.code == LOGIN_DENIED and failed.tls_line is not None:
        _raise_tls_error(failed.tls_line, deadline)
    raise DiagnosedError(failed.fault or _without_code(failed, parameters, deadline))


def as_reached(connection: extensions.connection) -> dict[str, str]:
    """Return what makes another login go the same way: address, line, and what may be given away over it.

    :param connection: of :func:`log_in`.
    """
    known = connection.get_dsn_parameters()
    reached = {name: known[name] for name in AS_REACHED if known.get(name)}
    line: Line = connection.line  # type: ignore[attr-defined] # see watched_class
    if line.messages.lacks_proof and auth.can_refuse():
        # A synchronous login is not looked at: what is there now is not to come with a hash without end then.
        reached["require_auth"] = auth.without(reached.get("require_auth", ""), auth.SCRAM)
    return reached


def _addresses(parameters: Parameters, deadline: Deadline) -> list[str]:
    """Return the addresses of the host as text; a Unix socket has an empty one.

    :param parameters: of libpq.
    :param deadline: bounds the look-up of the name.
    :raises OSError: the name is not known, or no name server answered.
    """
    if parameters.get("hostaddr"):
        return [parameters["hostaddr"]]
    if auth.is_socket(parameters):
        return [""]
    resolved = addresses_of(parameters["host"], int(parameters["port"]), deadline)
    return [address_text(address) for _, address in resolved]


class _LoginError(Exception):
    """A login that failed.

    :param code: SQLSTATE, if the server sent one.
    :param fault: what is wrong, if that is known by now.
    :param line: the parameters that it was tried with.
    :param begun: False if libpq did not even begin.
    :param ended: whether the server has ended the line; else libpq has.
    :param asks_for_gss: whether that was the answer to the request for encryption by Kerberos.
    :ivar tls_line: the parameters of an encrypted line that was tried before and failed without a code.
    """

    tls_line: Parameters | None = None

    def __init__(
        self,
        code: str | None,
        fault: Fault | None,
        line: Parameters,
        *,
        begun: bool = True,
        ended: bool = True,
        asks_for_gss: bool = False,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.fault = fault
        self.line = line
        self.begun = begun
        self.ended = ended
        self.asks_for_gss = asks_for_gss

    @property
    def asks_for_another_line(self) -> bool:
        """Whether the server may accept the same login encrypted, or unencrypted."""
        return self.fault is None or self.code == LOGIN_DENIED

    @property
    def telling(self) -> tuple[bool, bool]:
        """How much it tells: a reason of its own most, then that the line was refused, then that there is none."""
        return self.fault is not None, self.code != LOGIN_DENIED


def _log_in(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    addresses = _addresses(parameters, deadline)
    lines = auth.lines(parameters)
    for number, address in enumerate(addresses, start=1):
        share = deadline.part(1 / (len(addresses) - number + 1))
        at = {"hostaddr": address} if address else {}
        try:
            return _first_accepted([line.but(**at) for line in lines], share)
        except TooMuchDataError:
            raise
        except (_LoginError, OSError) as error:
            # A server that answered has decided; only a dead address is a reason to try the next.
            if number == len(addresses) or (isinstance(error, _LoginError) and error.fault is not None):
                raise
    raise DiagnosedError(RESET)


def _first_accepted(lines: list[Parameters], deadline: Deadline) -> extensions.connection:
    line, *others = lines
    try:
        return _attempt(line, deadline)
    except _LoginError as error:
        failed = [error]
    if not others or not failed[0].asks_for_another_line:
        raise failed[0]
    try:
        return _first_accepted(others, deadline)
    except _LoginError as error:
        failed.append(error)
    if failed[0].fault is None and line["sslmode"] != "disable":
        failed[1].tls_line = line
    # Of two that tell nothing that of the plain line is looked into: there a password may have been kept back.
    raise max(failed, key=lambda error: (error.telling, error.line.get("sslmode") == "disable"))


def _attempt(parameters: Parameters, deadline: Deadline) -> extensions.connection:
    import psycopg2

    connection: extensions.connection | None = None
    try:
        connection = psycopg2.connect(connection_factory=watched_class(), async_=1, **parameters)
        readable = _set_verbosity(connection)
        wait(connection, deadline)
    except (psycopg2.Error, UnicodeDecodeError) as error:
        failed = _error_of(error, connection, parameters)
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    else:
        return connection
    if connection is not None:
        connection.close()
        if failed.fault is None and not readable:
            failed.fault = _unreadable(parameters, deadline)
    raise failed


def _error_of(error: Exception, connection: extensions.connection | None, parameters: Parameters) -> _LoginError:
    if connection is None:
        return _LoginError(None, None, parameters, begun=False)
    if connection.info.needs_password:
        return _LoginError(None, NO_PASSWORD, parameters)
    codes = [] if isinstance(error, UnicodeDecodeError) else _CODES.findall(str(error))
    if codes:
        return _LoginError(codes[0], fault_of_sqlstate(codes[0], login=True) or UNKNOWN_LOGIN, parameters)
    line: Line = connection.line  # type: ignore[attr-defined] # see watched_class
    return _LoginError(None, None, parameters, ended=line.ended, asks_for_gss=line.asks_for_gss)


def _unreadable(parameters: Parameters, deadline: Deadline) -> Fault | None:
    """Return the fault of a login whose code cannot be read; None if it failed before the server heard of it."""
    if parameters["sslmode"] not in auth.ENCRYPTED:
        return UNKNOWN_LOGIN
    try:
        has_tls = diagnose(parameters, deadline) is not TLS_REFUSED
    except OSError:
        return None
    return UNKNOWN_LOGIN if has_tls else None


def _set_verbosity(connection: extensions.connection) -> bool:
    """Make libpq's error texts consist of the SQLSTATE; False where that cannot be done."""
    library = libpq()
    if library is None:
        return False
    library.PQsetErrorVerbosity(ctypes.c_void_p(connection.pgconn_ptr), _PQERRORS_SQLSTATE)
    return True


def _further_with_tls(parameters: Parameters, deadline: Deadline) -> bool:
    """Return whether the same login gets past 28000 over TLS: only this shows "TLS required".

    No one vouches for the server here, so it does not get the password in clear text.
    """
    careful = auth.for_other_clients(parameters)
    if auth.allows(careful.get("require_auth", ""), auth.CLEAR):
        return False
    return _gets_further(careful.but(sslmode="require"), deadline)


def _gets_further(parameters: Parameters, deadline: Deadline) -> bool:
    """Return whether a login succeeds, or the server has another reason to refuse it than who asks from where."""
    try:
        _log_in(parameters, deadline).close()
    except _LoginError as error:
        return error.code not in (None, LOGIN_DENIED)
    except (OSError, DiagnosedError):
        return False
    return True


def _raise_tls_error(line: Parameters, deadline: Deadline) -> None:
    """Raise why TLS has failed, if that is why: the plain line that was tried instead is not what this user is to have.

    :raises ssl.SSLError: it is.
    :raises ConnectionConfigError: a file of the connection is.
    """
    try:
        diagnose(line, deadline)
    except ssl.SSLError:
        raise
    except OSError:
        return


def _without_code(failed: _LoginError, parameters: Parameters, deadline: Deadline) -> Fault:
    fault = diagnose(failed.line, deadline)
    if fault is not RESET:
        return fault
    if not failed.begun:
        message = (
            "libpq does not take one of the connection's parameters. Check the rarer fields, those in the dsn, and "
            "that there is a service of the name that PGSERVICE in the environment has."
        )
        raise ConnectionConfigError(message)
    doubts = list(_doubts(failed, parameters))
    known = (fault for name, plain, fault in doubts if _gets_further(parameters.but(**{name: plain}), deadline))
    return next(known, RESET if failed.ended or doubts else NOT_PROVEN)


def _doubts(failed: _LoginError, parameters: Parameters) -> Iterator[tuple[str, str, Fault]]:
    """Yield what a server may not be up to: a parameter, a value that asks for nothing, and the fault if that helps."""
    if parameters.get("sslnegotiation") == "direct":
        yield "sslnegotiation", "postgres", NOT_DIRECT
    if failed.asks_for_gss and not auth.requires_gss(parameters):
        yield "gssencmode", "disable", GSS_REFUSED
    if parameters.get("target_session_attrs", "any") != "any":
        yield "target_session_attrs", "any", WRONG_SERVER
