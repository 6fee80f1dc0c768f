"""Doctor of any Airflow connection: a parent that knows no Airflow, and a child that runs the hook and can be killed.

What a hook does cannot be trusted with a deadline, with a secret or with the terminal. It runs in a process of its own,
which answers with codes and is killed with all that it has started when its time is over.
"""

from osiris_provider.lazy import attach

__all__ = ["HookConnection", "HookType", "check_hook", "hook_type", "hook_types"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "HookConnection": "connection",
        "HookType": "base",
        "check_hook": "parent",
        "hook_type": "registry",
        "hook_types": "registry",
    },
)
