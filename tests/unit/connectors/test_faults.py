"""The faults that all families share: found by code, told in words that help (CONN-010, 011)."""

from __future__ import annotations

import ast
import errno
import re
import runpy
import socket
import ssl
from pathlib import Path

import pytest
from osiris_provider.connectors import faults
from osiris_provider.connectors.faults import chain, transport_fault
from osiris_provider.errors import CATEGORIES, MAX_MESSAGE, AuthError, Fault
from osiris_provider.net.deadline import TooMuchDataError
from osiris_provider.net.dns import NamesUnansweredError

ROOT = Path(__file__).parents[3]
DEFINED: list[tuple[str, Fault]] = list(runpy.run_path(str(ROOT / "scripts" / "docs_faults.py"))["faults"]())
"""Every fault of the package, with file and line; a reworded one is the same fault."""
REWORDED = [
    ast.literal_eval(node.args[0])
    for path in sorted((ROOT / "osiris_provider").rglob("*.py"))
    if "reworded(" in (source := path.read_text(encoding="utf-8"))
    for node in ast.walk(ast.parse(source))
    if isinstance(node, ast.Call)
    and isinstance(node.func, ast.Attribute)
    and node.func.attr == "reworded"
    and isinstance(node.args[0], ast.Constant)
]
"""What faults say in other words."""
LONG = "https://a-rather-long-name.of.some.department.example.com:65535/api/v1"


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "words in any language")
    error.verify_code = code
    return error


@pytest.mark.parametrize("fault", [fault for _, fault in DEFINED], ids=lambda fault: fault.slug)
def test_conn_010_every_fault_is_well_told(fault: Fault) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]+", fault.slug)
    assert fault.category in CATEGORIES
    assert fault.category != "ok"
    assert fault.advice, "it does not say what to do"


@pytest.mark.parametrize("message", [*(fault.message for _, fault in DEFINED), *REWORDED])
def test_conn_010_what_a_fault_says_is_fit_to_be_shown(message: str) -> None:
    text = Fault("some", "unknown", message).text(LONG, 2.0)
    # It is cut at this length.
    assert len(text) < MAX_MESSAGE
    assert text.endswith(".")
    assert not set("[]{}") & set(text)


@pytest.mark.parametrize("message", [*(fault.message for _, fault in DEFINED), *REWORDED])
def test_conn_010_a_long_address_leaves_room_for_what_to_do(message: str) -> None:
    fault = Fault("some", "unknown", message)
    text = fault.text(f"db.{'a' * 100_000}:3306", 2.0)
    assert len(text) <= MAX_MESSAGE
    assert text.endswith(message[-12:].replace("{timeout}", "2 s"))
    if "{address}" in message:
        assert "db.aaa" in text
        assert "a:3306" in text
    # What fits is not cut.
    room = MAX_MESSAGE - len(fault.text("", 2.0))
    fits = "h" * (room // max(message.count("{address}"), 1))
    assert fits in fault.text(fits, 2.0) or "{address}" not in message


def test_slugs_are_unique() -> None:
    by_slug: dict[str, list[str]] = {}
    for where, fault in DEFINED:
        by_slug.setdefault(fault.slug, []).append(where)
    assert len(by_slug) > 120
    assert {slug: where for slug, where in by_slug.items() if len(where) > 1} == {}


def test_a_fault_in_other_words_is_the_same_fault() -> None:
    other = faults.CERTIFICATE_EXPIRED.reworded("{address} has an old certificate. Renew it.")
    assert other == faults.CERTIFICATE_EXPIRED
    assert other.text("here") == "here has an old certificate. Renew it."
    assert (other.slug, other.category, other.is_transient) == ("certificate_expired", "network", False)


UNREACHABLE = ("EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT")
RESET = ("ECONNABORTED", "ENOTCONN", "ENETRESET", "ESHUTDOWN")


@pytest.mark.parametrize(
    ("error", "slug"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset"),
        (EOFError(), "reset"),
        (TimeoutError("x"), "timed_out"),
        (OSError(errno.ETIMEDOUT, "x"), "timed_out"),
        (OSError(errno.EMFILE, "x"), "too_many_files"),
        (OSError(errno.ENFILE, "x"), "too_many_files"),
        (NamesUnansweredError("x"), "dns_silent"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "unknown_host"),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "dns_failed"),
        *[(OSError(getattr(errno, name), "x"), "unreachable") for name in UNREACHABLE],
        *[(OSError(getattr(errno, name), "x"), "reset") for name in RESET],
        *[
            (socket.gaierror(getattr(socket, name), "x"), "dns_failed")
            for name in ("EAI_FAIL", "EAI_MEMORY", "EAI_SYSTEM")
        ],
        (socket.gaierror(socket.EAI_NODATA, "x"), "unknown_host"),
        (socket.gaierror(socket.EAI_FAMILY, "x"), "unknown_host"),
        (socket.gaierror("of a library"), "unknown_host"),
        (TooMuchDataError("x"), "too_much_data"),
    ],
)
def test_conn_010_transport_errors_by_code(error: BaseException, slug: str) -> None:
    actual = transport_fault(error)
    assert actual is not None
    assert actual.slug == slug


# X509_V_ERR_* of OpenSSL's x509_vfy.h.
VERIFIED = [
    (2, faults.CERTIFICATE_CHAIN),
    (20, faults.CERTIFICATE_CHAIN),
    (21, faults.CERTIFICATE_CHAIN),
    (18, faults.CERTIFICATE_SELF_SIGNED),
    (26, faults.CERTIFICATE_PURPOSE),
    (66, faults.CERTIFICATE_WEAK),
    (67, faults.CERTIFICATE_WEAK),
    (68, faults.CERTIFICATE_WEAK),
    (3, faults.REVOKED_UNKNOWN),
    (11, faults.REVOKED_UNKNOWN),
    (12, faults.REVOKED_UNKNOWN),
    (23, faults.CERTIFICATE_REVOKED),
    (9, faults.CERTIFICATE_NOT_YET_VALID),
    (10, faults.CERTIFICATE_EXPIRED),
    (62, faults.CERTIFICATE_WRONG_NAME),
    (64, faults.CERTIFICATE_WRONG_NAME),
    (7, faults.CERTIFICATE_UNTRUSTED),
]


@pytest.mark.parametrize(("code", "fault"), VERIFIED)
def test_what_is_wrong_with_a_certificate_has_its_own_words(code: int, fault: Fault) -> None:
    actual = transport_fault(unverified(code))
    assert (actual, actual and actual.message) == (fault, fault.message)


def of_tls(reason: str | None, library: str | None = "SSL", number: int = 1) -> ssl.SSLError:
    error = ssl.SSLError(number, "words in any language")
    error.reason, error.library = reason, library  # type: ignore[assignment] # either may be missing
    return error


OF_TLS = [
    (of_tls("WRONG_VERSION_NUMBER"), faults.TLS_REFUSED),
    (of_tls("TLSV1_ALERT_PROTOCOL_VERSION"), faults.TLS_VERSION),
    (of_tls("UNSUPPORTED_PROTOCOL"), faults.TLS_VERSION),
    (of_tls("TLSV1_UNRECOGNIZED_NAME"), faults.NAME_NOT_SERVED),
    (of_tls("TLSV1_ALERT_UNRECOGNIZED_NAME"), faults.NAME_NOT_SERVED),
    (of_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), faults.CLIENT_CERTIFICATE),
    (of_tls("SSLV3_ALERT_BAD_CERTIFICATE"), faults.CLIENT_CERTIFICATE),
    (of_tls("TLSV1_ALERT_UNKNOWN_CA"), faults.CLIENT_CERTIFICATE),
    (of_tls("SSLV3_ALERT_HANDSHAKE_FAILURE"), faults.TLS_FAILED),
    (of_tls(None), faults.TLS_FAILED),
    # Of files of the connection, and of a CA in memory.
    (of_tls("KEY_VALUES_MISMATCH", "X509"), faults.TLS_FILES),
    (of_tls(None, None, 9), faults.TLS_FILES),
    (of_tls(None, None, 0x80009), faults.TLS_FILES),
    (of_tls(None, None, 0), faults.TLS_FILES),
    (of_tls("WRONG_VERSION_NUMBER", "SSL", 0), faults.TLS_REFUSED),
    (of_tls(None, None, 1), faults.TLS_FAILED),
    (ssl.SSLEOFError(8, "x"), faults.RESET),
    (ssl.SSLZeroReturnError(6, "x"), faults.RESET),
]


@pytest.mark.parametrize(("error", "fault"), OF_TLS)
def test_what_is_wrong_with_a_handshake_has_its_own_words(error: ssl.SSLError, fault: Fault) -> None:
    actual = transport_fault(error)
    assert (actual, actual and actual.message) == (fault, fault.message)


def test_other_errors_are_no_transport_faults() -> None:
    assert transport_fault(ValueError("connection refused")) is None
    assert transport_fault(OSError(errno.ENOSPC, "x")) is None


class LibraryError(Exception):
    """Has the errors that it came from wherever a test puts them."""

    def __init__(self, *args: object, **hooks: object) -> None:
        super().__init__(*args)
        vars(self).update(hooks)


ACTUAL = ConnectionRefusedError(errno.ECONNREFUSED, "x")
HOOKED = [
    *[LibraryError(**{name: ACTUAL}) for name in ("original_exception", "inner_exception", "reason")],
    *[
        LibraryError(**{name: several})
        for name in ("errors", "exceptions")
        for several in ([KeyError(), ACTUAL], (ACTUAL,))
    ],
    LibraryError(errors={"node": ACTUAL}),
    LibraryError("x", LibraryError(ACTUAL)),
]


@pytest.mark.parametrize("error", HOOKED)
def test_cause_is_found_wherever_a_library_hangs_it(error: LibraryError) -> None:
    assert transport_fault(error) is faults.REFUSED
    outer = LibraryError("x", errors="none", reason="text")
    outer.__cause__ = error
    assert transport_fault(outer) is faults.REFUSED
    outer.__cause__, outer.__context__ = None, error
    assert transport_fault(outer) is faults.REFUSED


def test_the_nearest_error_counts() -> None:
    near, far = TimeoutError("x"), ACTUAL
    outer = LibraryError(original_exception=near)
    outer.__cause__ = far
    assert list(chain(outer)) == [outer, near, far]
    assert transport_fault(outer) is faults.TIMED_OUT


def test_chain_ends_although_errors_go_round() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__context__ = other, one
    assert list(chain(one)) == [one, other]


def test_fault_becomes_its_error() -> None:
    error = Fault("wrong", "auth", "{address} says no. Ask again.").error(
        "here", reference="@x.y", cause=KeyError("s3cret")
    )
    assert isinstance(error, AuthError)
    assert str(error) == "@x.y: here says no. Ask again."
    assert (error.reference, error.fault.slug, error.is_transient, error.cause) == ("@x.y", "wrong", False, "KeyError")
    assert "s3cret" not in repr(vars(error))


def test_place_is_not_a_template() -> None:
    assert Fault("x", "network", "{address} is off. Wait {timeout}.").text("a{timeout}b", 1) != ""
    assert Fault("x", "network", "{address} is off.").text("{0}{x!r}%s") == "{0}{x!r}%s is off."
