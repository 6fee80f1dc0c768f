"""URIs of assets that hold checks: what we write is read back, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider._airflow.health_asset import health_asset_uri, parse_health_asset_uri
from osiris_provider.connections.reference import NAME

FAMILIES = st.from_regex(NAME, fullmatch=True)
ALIASES = st.text(min_size=1, max_size=250).filter(str.isprintable)


@given(FAMILIES, ALIASES.filter(lambda alias: alias.encode("utf-8", "ignore").decode() == alias))
def test_a_uri_names_its_connection(family: str, alias: str) -> None:
    assert parse_health_asset_uri(health_asset_uri(family, alias)) == (family, alias)


def test_an_alias_is_as_long_as_any_connection_id_of_airflow() -> None:
    assert parse_health_asset_uri(health_asset_uri("mysql", "€" * 250)) == ("mysql", "€" * 250)


@given(st.text())
def test_what_is_read_is_what_would_be_written(uri: str) -> None:
    named = parse_health_asset_uri(uri)
    assert named is None or health_asset_uri(*named) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "osiris://mysql/shop/recovered",
        "osiris://mysql/shop/orders",
        "osiris://mysql/shop?x=1",
        "osiris://mysql/shop#x",
        "osiris://mysql/",
        "osiris://mysql",
        "osiris://MySQL/shop",
        "osiris://user:secret@mysql/shop",
        "osiris://mysql/sh%6Fp",
        "osiris://mysql/%73hop",
        "osiris://mysql/%e2%80%ae",
        "osiris://mysql/%00",
        "osiris://mysql/%FF",
        "osiris://mysql/%zz",
        "osiris://mysql/<script>",
        "osiris://mysql/shop\n",
        " osiris://mysql/shop",
        "OSIRIS://mysql/shop",
        "https://mysql/shop",
        "osiris://mysql/" + "a" * 251,
        None,
        4711,
    ],
)
def test_other_uris_hold_no_checks(uri: object) -> None:
    assert parse_health_asset_uri(uri) is None
