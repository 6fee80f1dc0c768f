"""SQLite: the file is opened and asked."""

from __future__ import annotations

from osiris_provider.hook_doctor.base import HookType

TYPE = HookType(conn_types=("sqlite",), title="SQLite", proves_login=False, endpoint=lambda _: None)
