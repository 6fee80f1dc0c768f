"""HTTP: the statuses that requests hands on. The hook's test is one request, so "ok" proves no credentials."""

from __future__ import annotations

from osiris_provider.hook_doctor.base import HookType
from osiris_provider.hook_doctor.tables import HTTP_CLASSES

TYPE = HookType(
    conn_types=("http",),
    title="HTTP",
    codes=HTTP_CLASSES,
    codes_at=("response.status_code",),
    proves_login=False,
    endpoint=lambda _: None,
    host_is_url=True,
    evidence="real server",
)
