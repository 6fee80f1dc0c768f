"""The hook of the api family."""

from __future__ import annotations

from osiris_provider.hooks.base import OsirisHook

__all__ = ["OsirisApiHook"]


class OsirisApiHook(OsirisHook):
    """A REST API.

    :param api_conn_id: an Airflow connection id, or a reference such as ``@api.default``.
    """

    family = "api"
    conn_type = "osiris_api"
    conn_name_attr = "api_conn_id"
    default_conn_name = "osiris_api_default"
    hook_name = "Osiris REST API"
