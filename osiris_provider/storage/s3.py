"""S3 as s3fs speaks it: no request goes to another host than the one that it was signed for."""

from __future__ import annotations

from functools import cache
from typing import Any

from osiris_provider.connectors.http.faults import REDIRECTED, HttpFaultError

REDIRECTS = REDIRECTED.reworded(
    "{address} redirects to another address; credentials and data do not follow there. Set endpoint_url and region of "
    "its connection to where the bucket is."
)
_SESSION = "http_session_cls"
_REGION = "x-amz-bucket-region"


def without_redirects(fs: Any) -> Any:
    """Return a file system that, if it is one of S3, follows no redirect.

    The HTTP client under s3fs follows all of them, to any host, with the session token and with what is uploaded, and
    takes what answers there for the bucket: an empty list of state would have a task begin at its start.

    :param fs: of fsspec.
    """
    store = fs
    while (within := getattr(store, "fs", None)) is not None:
        # Of simplecache::s3://… and the like.
        store = within
    config = getattr(store, "config_kwargs", None)
    if "s3" not in store.protocol or config is None or _SESSION in config:
        return fs
    config[_SESSION] = _direct_session()
    if store._s3 is not None and "signature_version" not in config:  # noqa: SLF001 - s3fs has no other name for it
        # Others have used it before. A signer of Airflow's connection would be lost with the client that it is tied to.
        store.connect(refresh=True)
    return fs


@cache
def _direct_session() -> type[Any]:
    from aiobotocore.httpsession import AIOHTTPSession

    class DirectSession(AIOHTTPSession):  # type: ignore[misc] # aiobotocore ships no types
        async def _get_session(self, proxy_url: str | None) -> Any:
            return _Direct(await super()._get_session(proxy_url))

        async def send(self, request: Any) -> Any:
            response = await super().send(request)
            # With the region of a bucket botocore goes on by itself, and without one it would ask for it for ever.
            if response.status_code // 100 == 3 and not response.headers.get(_REGION):
                raise HttpFaultError(REDIRECTS)
            return response

    return DirectSession


class _Direct:
    def __init__(self, session: Any) -> None:
        self._session = session

    def request(self, *args: Any, **options: Any) -> Any:
        return self._session.request(*args, **options, allow_redirects=False)
