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
        (unverified(18), "certificate_untrusted"),
        (unverified(9), "certificate_not_yet_valid"),
        (unverified(10), "certificate_expired"),
        (unverified(62), "certificate_wrong_name"),
        (ssl.SSLEOFError(8, "x"), "reset"),
        (ssl.SSLError(1, "x"), "tls_failed"),
    ],
)
def test_conn_010_transport_errors_by_code(error: BaseException, slug: str) -> None:
    actual = transport_fault(error)
    assert actual is not None
    assert actual.slug == slug


@pytest.mark.parametrize("code", [26, 66, 67, 68])
def test_what_is_wrong_with_a_certificate_itself_is_no_matter_of_the_ca_file(code: int) -> None:
    actual = transport_fault(unverified(code))
    assert actual == faults.CERTIFICATE_UNTRUSTED
    assert actual.message in (faults.CERTIFICATE_WEAK.message, faults.CERTIFICATE_PURPOSE.message)


def test_other_errors_are_no_transport_faults() -> None:
    assert transport_fault(ValueError("connection refused")) is None
    assert transport_fault(OSError(errno.ENOSPC, "x")) is None


def test_cause_is_found_wherever_a_library_hangs_it() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")

    class LibraryError(Exception):
        original_exception: BaseException | None = None

    by_attribute, by_cause, by_argument = LibraryError(), LibraryError(), LibraryError("x", LibraryError(refused))
    by_attribute.original_exception = refused
    by_cause.__cause__ = refused
    for error in (by_attribute, by_cause, by_argument):
        assert transport_fault(error) is faults.REFUSED


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
