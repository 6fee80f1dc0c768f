"""PagerDuty's events: the hook's test sends a real "resolve" event, so it is never run."""

from __future__ import annotations

from osiris_provider.hook_doctor.base import HookType

TYPE = HookType(
    conn_types=("pagerduty_events",),
    title="PagerDuty events",
    is_safe=False,
    apart="nothing is asked, wherever it is and whatever its key: that nothing is sent is tried",
)
