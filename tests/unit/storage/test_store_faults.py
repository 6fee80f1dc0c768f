"""What clients of object stores raise, by class, code and status, and what each means."""

from __future__ import annotations

import errno
from types import ModuleType
from typing import Any, Final

import pytest
from aiohttp import client_exceptions
from botocore import exceptions
from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT
from osiris_provider.connectors.http.faults import PROXY_AUTH, PROXY_FAILED, SERVER_ERROR
from osiris_provider.errors import Fault
from osiris_provider.storage.faults import (
    BUSY,
    ELSEWHERE,
    FORBIDDEN,
    FULL,
    MISSING,
    NO_ADDRESS,
    NO_KEY,
    REFUSED,
    SETTINGS,
    UNABLE,
    WRONG_KEY,
    storage_fault,
)

CLASSES: Final[dict[Fault, str]] = {
    NO_KEY: "CredentialRetrievalError LoginError MetadataRetrievalError NoCredentialsError PartialCredentialsError "
    "ProfileNotFound SSOError SSOTokenLoadError TokenRetrievalError",
    NO_ADDRESS: "ParamValidationError",
    SETTINGS: "BotoCoreError NoRegionError InvalidRegionError ConfigParseError",
    TIMED_OUT: "ConnectTimeoutError ReadTimeoutError",
    RESET: "ConnectionClosedError",
    PROXY_FAILED: "ProxyConnectionError",
    GARBAGE: "HTTPClientError ResponseStreamingError",
}
"""Exceptions of botocore."""
STATUSES: Final[dict[Fault, tuple[int, ...]]] = {
    ELSEWHERE: (301,),
    REFUSED: (400, 402, 404, 418, 499),
    WRONG_KEY: (401,),
    FORBIDDEN: (403,),
    PROXY_AUTH: (407,),
    BUSY: (429, 500, 503),
    FULL: (507,),
    SERVER_ERROR: (502, 504, 599),
}


def raised_in(module: str, error: BaseException) -> BaseException:
    """Return an error that a function of a module has raised."""
    within: dict[str, Any] = {"__name__": module, "error": error}
    exec("def fail(): raise error", within)  # noqa: S102 - the name of a module, as libraries have it
    try:
        within["fail"]()
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught
    raise AssertionError


def of_class(module: ModuleType, name: str) -> BaseException:
    kind = getattr(module, name)
    error: BaseException = kind.__new__(kind)
    return error


@pytest.mark.parametrize("fault", CLASSES, ids=lambda fault: fault.slug)
def test_the_exceptions_of_botocore_have_a_meaning_each(fault: Fault) -> None:
    for name in CLASSES[fault].split():
        assert storage_fault(of_class(exceptions, name)) is fault, name


def test_a_line_that_aiohttp_has_lost_is_reset() -> None:
    for name in ("ClientConnectionError", "ServerDisconnectedError", "ClientPayloadError"):
        assert storage_fault(of_class(client_exceptions, name)) == RESET, name


def test_another_class_of_such_a_name_says_nothing() -> None:
    assert storage_fault(type("NoCredentialsError", (Exception,), {})()) is None


def test_what_lies_below_a_vague_error_says_more() -> None:
    error = of_class(exceptions, "HTTPClientError")
    error.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    below = storage_fault(error)
    assert below is not None
    assert below.slug == "refused"


@pytest.mark.parametrize("fault", STATUSES, ids=lambda fault: fault.slug)
def test_answers_without_a_code_that_is_known_go_by_their_status(fault: Fault) -> None:
    for status in STATUSES[fault]:
        for code in ("NeverHeardOf", str(status)):
            answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
            # Faults of other clients have the same names, and other words.
            assert storage_fault(exceptions.ClientError(answer, "GetObject")) is fault, status


def test_only_to_head_a_bare_404_means_that_there_is_no_such_file() -> None:
    answer = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    assert storage_fault(exceptions.ClientError(answer, "HeadObject")) == MISSING
    assert storage_fault(exceptions.ClientError(answer, "ListObjectsV2")) == REFUSED


@pytest.mark.parametrize("module", ["botocore", "botocore.session", "aiobotocore.config"])
def test_what_the_client_makes_of_its_settings_is_no_fault_of_the_store(module: str) -> None:
    for error in (ValueError("Invalid endpoint"), FileNotFoundError(errno.ENOENT, "no such file", "/ca.pem")):
        assert storage_fault(raised_in(module, error)) == SETTINGS


@pytest.mark.parametrize(
    ("module", "error", "slug"),
    [
        ("fsspec.spec", ValueError("no such option"), None),
        ("botocores", ValueError("no such option"), None),
        ("fsspec.spec", FileNotFoundError(errno.ENOENT, "no such file"), MISSING.slug),
        ("botocore.session", ConnectionResetError(errno.ECONNRESET, "reset"), RESET.slug),
        ("botocore.session", TypeError("unexpected argument"), None),
    ],
)
def test_other_errors_are_what_they_are(module: str, error: BaseException, slug: str | None) -> None:
    fault = storage_fault(raised_in(module, error))
    assert (fault.slug if fault else None) == slug


def test_errors_without_a_number_go_by_their_class() -> None:
    for error, fault in (
        (PermissionError("no"), FORBIDDEN),
        (FileNotFoundError("x"), MISSING),
        (NotImplementedError(), UNABLE),
    ):
        assert storage_fault(error) == fault
