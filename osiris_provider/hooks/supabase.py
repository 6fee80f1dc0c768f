"""The hook of the supabase family."""

from __future__ import annotations

from osiris_provider.hooks.base import OsirisHook

__all__ = ["OsirisSupabaseHook"]


class OsirisSupabaseHook(OsirisHook):
    """Supabase.

    :param supabase_conn_id: an Airflow connection id, or a reference such as ``@supabase.default``.
    """

    family = "supabase"
    conn_type = "osiris_supabase"
    conn_name_attr = "supabase_conn_id"
    default_conn_name = "osiris_supabase_default"
    hook_name = "Osiris Supabase"
