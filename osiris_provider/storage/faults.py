"""What can go wrong with a file system or an object store, classified by code, and what to do next."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from traceback import walk_tb
from typing import Any, TypeVar

from osiris_provider.connectors.faults import GARBAGE, RESET, TIMED_OUT, chain, transport_fault
from osiris_provider.connectors.http.faults import (
    PROXY_AUTH,
    PROXY_FAILED,
    REFUSED_REQUEST,
    HttpFaultError,
    status_fault,
)
from osiris_provider.errors import Fault

T = TypeVar("T")
_LOGIN = re.compile(r"(?<=://)([^/@:]*):.*@", re.DOTALL)

FULL = Fault(
    "storage_full",
    "unknown",
    "There is no room left at {address}. Remove old results (osiris staging gc --older-than 7d) or make it larger; "
    "a later try of the task may find room.",
)
OVER_QUOTA = Fault(
    "over_quota",
    "unknown",
    "The quota for {address} is used up. Remove old results (osiris staging gc --older-than 7d) or raise the quota; "
    "a later try of the task may find room.",
)
FILE_TOO_LARGE = Fault(
    "file_too_large",
    "unknown",
    "{address} takes no file as large as this result. Raise the limit for the size of files, or split the step.",
    True,
)
FORBIDDEN = Fault(
    "storage_forbidden",
    "permission",
    "Access to {address} is denied. Give the user or the key of this worker the right to list, read, write and delete.",
)
READ_ONLY = Fault(
    "storage_read_only", "permission", "{address} is read-only. Mount it for writing, or choose another URL."
)
IN_THE_WAY = Fault(
    "in_the_way",
    "unknown",
    "A file lies where {address} needs a directory. Move it, or choose another URL.",
    True,
)
BROKEN = Fault("storage_broken", "unknown", "Reading or writing at {address} failed in the device. Look at its health.")
STALE = Fault("stale_mount", "network", "The mount of {address} has gone stale. Mount it again if it stays so.")
WRONG_KEY = Fault(
    "wrong_key", "auth", "{address} does not accept the access key. Correct the credentials of its Airflow connection."
)
EXPIRED_KEY = Fault("expired_key", "auth", "The credentials for {address} have expired. Renew them.")
CLOCK = Fault("wrong_clock", "auth", "{address} finds that the clock of this machine is wrong. Correct the clock.")
# Another try may find some: the service that hands a machine its own is overloaded at times.
NO_KEY = Fault(
    "no_key",
    "unknown",
    "There are no complete credentials for {address}. Give them in its Airflow connection, or in the environment, such "
    "as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
)
NO_ADDRESS = Fault("no_address", "unknown", "{address} cannot be the URL of a bucket. Correct its name.", True)
SETTINGS = Fault(
    "storage_settings",
    "unknown",
    "The client for {address} cannot work with its settings. Correct its Airflow connection, or what the environment "
    "says: AWS_ENDPOINT_URL, such as https://minio.example.com:9000, AWS_DEFAULT_REGION, AWS_CA_BUNDLE, "
    "AWS_CONFIG_FILE.",
    True,
)
NO_BUCKET = Fault(
    "no_bucket", "unknown", "The bucket of {address} does not exist. Create it, or correct the URL.", True
)
ELSEWHERE = Fault(
    "wrong_region", "unknown", "The bucket of {address} is in another region. Set the region in its connection.", True
)
REFUSED = REFUSED_REQUEST.reworded(
    "{address} refuses the request. Check region and endpoint_url of its connection, and whether its credentials have "
    "expired."
)
BUSY = Fault("storage_busy", "network", "{address} is overloaded or fails within. Try again later.")
# fsspec has file systems that only read, or cannot even list.
UNABLE = Fault(
    "storage_unable",
    "unknown",
    "{address} is of a kind that cannot list, write or remove files. Choose another staging_url, state_url or --url.",
    True,
)
MISSING = Fault(
    "no_such_file",
    "unknown",
    "{address} is not there. If it was there, it has been removed: run the task that wrote it again. If it never was, "
    "choose a URL that all workers share.",
    True,
)

_BY_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: OVER_QUOTA,
    errno.EFBIG: FILE_TOO_LARGE,
    errno.EACCES: FORBIDDEN,
    errno.EPERM: FORBIDDEN,
    errno.EROFS: READ_ONLY,
    errno.ENOTDIR: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
    errno.EISDIR: IN_THE_WAY,
    errno.ENOENT: MISSING,
    errno.EIO: BROKEN,
    errno.ESTALE: STALE,
}
# Codes of S3's error answers; others go by their status.
_BY_CODE = {
    "AccessDenied": FORBIDDEN,
    "AllAccessDisabled": FORBIDDEN,
    "AuthorizationHeaderMalformed": ELSEWHERE,
    "EntityTooLarge": FILE_TOO_LARGE,
    "ExpiredToken": EXPIRED_KEY,
    "InternalError": BUSY,
    "InvalidAccessKeyId": WRONG_KEY,
    "InvalidBucketName": NO_ADDRESS,
    "InvalidToken": WRONG_KEY,
    "NoSuchBucket": NO_BUCKET,
    "NoSuchKey": MISSING,
    "PermanentRedirect": ELSEWHERE,
    "QuotaExceeded": OVER_QUOTA,
    "RequestTimeTooSkewed": CLOCK,
    "RequestTimeout": TIMED_OUT,
    "ServiceUnavailable": BUSY,
    "SignatureDoesNotMatch": WRONG_KEY,
    "SlowDown": BUSY,
}
NOTHING_THERE = 404
_BY_STATUS = {
    **dict.fromkeys(range(400, 500), REFUSED),
    301: ELSEWHERE,
    401: WRONG_KEY,
    403: FORBIDDEN,
    407: PROXY_AUTH,
    429: BUSY,
    500: BUSY,
    503: BUSY,
    507: FULL,
}
# Exceptions of botocore before it asks anyone.
_BY_CLASS = {
    "CredentialRetrievalError": NO_KEY,
    "LoginError": NO_KEY,
    "MetadataRetrievalError": NO_KEY,
    "NoCredentialsError": NO_KEY,
    "PartialCredentialsError": NO_KEY,
    "ProfileNotFound": NO_KEY,
    "SSOError": NO_KEY,
    "TokenRetrievalError": NO_KEY,
    "ParamValidationError": NO_ADDRESS,
    "ConnectionError": None,
    "HTTPClientError": None,
    "BotoCoreError": SETTINGS,
}
# Those, and aiohttp's, that say something only where no code in the chain says more.
_VAGUE = {
    "ClientConnectionError": RESET,
    "ClientPayloadError": RESET,
    "ConnectTimeoutError": TIMED_OUT,
    "ReadTimeoutError": TIMED_OUT,
    "ProxyConnectionError": PROXY_FAILED,
    "ConnectionClosedError": RESET,
    "HTTPClientError": GARBAGE,
}


def storage_fault(error: BaseException) -> Fault | None:
    """Return what an error of a file system or an object store means, or None if it is none of them.

    :param error: what fsspec or the operating system raised.
    """
    errors = list(chain(error))
    return (
        next((fault for item in errors if (fault := _by_answer(item))), None)
        or _of_system(error)
        or next((fault for item in errors if (fault := _by_class(item, _VAGUE))), None)
        or _bare(error)
    )


def _by_answer(error: BaseException) -> Fault | None:
    """Return the fault that an answer of S3 tells, kept by botocore as ``response``, or that botocore itself has."""
    if isinstance(error, HttpFaultError):
        return error.fault
    if known := _by_class(error, _BY_CLASS):
        return known
    response = getattr(error, "response", None)
    answer = response.get("Error") if isinstance(response, dict) else None
    if isinstance(response, dict) and isinstance(answer, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # Only to HEAD does S3 answer so without a code; else it is a page of something that is no S3.
        if status == NOTHING_THERE and str(getattr(error, "operation_name", "")).startswith("Head"):
            return MISSING
        return _BY_CODE.get(str(answer.get("Code"))) or status_fault(status, _BY_STATUS)
    return SETTINGS if _is_of_settings(error) else None


def _by_class(error: BaseException, table: Mapping[str, Fault | None]) -> Fault | None:
    modules = ("botocore.exceptions", "aiohttp.client_exceptions")
    classes = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ in modules]
    return next((table[name] for name in classes if name in table), None)


def _is_of_settings(error: BaseException) -> bool:
    """Return whether botocore failed at a text of its settings, or at a file that they name.

    Such a file that is missing is no file that is missing in the bucket.
    """
    is_own = isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno in _BY_ERRNO)
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    return is_own and any(name.partition(".")[0] in ("botocore", "aiobotocore") for name in modules)


def _of_system(error: BaseException) -> Fault | None:
    numbers = (item.errno for item in chain(error) if isinstance(item, OSError))
    return next((fault for number in numbers if (fault := _BY_ERRNO.get(number or 0))), None) or transport_fault(error)


def _bare(error: BaseException) -> Fault | None:
    """Return the fault of an exception without a number; fsspec raises such."""
    if type(error) is NotImplementedError:
        # Arrow's own, which derives from it, is about data.
        return UNABLE
    kinds = ((PermissionError, FORBIDDEN), (FileNotFoundError, MISSING))
    return next((fault for kind, fault in kinds if isinstance(error, kind)), None)


def attempt(url: str, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call, and tell a failure of the storage as an error of this package.

    :param url: the URL of what is read or written.
    :param call: an operation of a file or a file system.
    :raises ConnectorError: a failure that is known; without the original, which may quote credentials.
    """
    try:
        return call(*args, **kwargs)
    except Exception as error:
        fault = storage_fault(error)
        if fault is None:
            raise
    raise fault.error(public(url))


def public(url: str) -> str:
    """Return a URL without the password that it may hold.

    :param url: of a directory or a file.
    """
    # No parser: one URL may be within another (simplecache::ftp://…), and a password may have a slash.
    return _LOGIN.sub(r"\1:***@", url)
