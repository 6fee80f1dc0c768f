"""The hook of the shopify family."""

from __future__ import annotations

from osiris_provider.hooks.base import OsirisHook

__all__ = ["OsirisShopifyHook"]


class OsirisShopifyHook(OsirisHook):
    """The Admin API of a Shopify store.

    :param shopify_conn_id: an Airflow connection id, or a reference such as ``@shopify.default``.
    """

    family = "shopify"
    conn_type = "osiris_shopify"
    conn_name_attr = "shopify_conn_id"
    default_conn_name = "osiris_shopify_default"
    hook_name = "Osiris Shopify"
