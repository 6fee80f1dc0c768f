"""The forms of the connection types: what they say, and that nothing is lost on the way through them."""

from __future__ import annotations

import json
import re

import pytest
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.model import FieldSpec
from playwright.sync_api import expect

from tests.airflow.connections import EVERY_FIELD, FAMILIES
from tests.browser.connections.page import ConnectionsPage
from tests.browser.resolver import Resolver
from tests.servers.airflow.rest import Rest

EXAMPLES = [(family, index) for family in FAMILIES for index in range(len(EVERY_FIELD[family]))]
# Airflow takes these names for those of secrets; what a list shows for *** is nothing.
MASKED_BY_NAME = ("auth_header", "api_key_in", "api_key_name", "token_url", "client_secret")


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_help_and_placeholders(family: str, connections_page: ConnectionsPage) -> None:
    form = connections_page.add(f"osiris_{family}_main", family)
    standard = form.open_section("Standard Fields").inner_text()
    specs = get_connector(family).model.fields()
    for spec in specs:
        if spec.info.airflow != "extra":
            assert re.search(rf"^{re.escape(spec.label)}$", standard, re.MULTILINE), standard
            if spec.info.placeholder:
                expect(form.input_of(spec)).to_have_attribute("placeholder", spec.info.placeholder)
    # Nothing is asked for that the family has no use for.
    labels = {"Host", "Login", "Port", "Schema"} - {spec.label for spec in specs}
    assert not labels & set(standard.splitlines())
    extras = [spec for spec in specs if spec.info.airflow == "extra"]
    text = form.open_section("Extra Fields").inner_text()
    positions = [re.search(rf"^{re.escape(spec.label)}\b", text, re.MULTILINE) for spec in extras]
    assert all(positions), text
    assert [actual.start() for actual in positions if actual] == sorted(
        actual.start() for actual in positions if actual
    )
    assert all(spec.info.help in text for spec in extras)


@pytest.mark.parametrize(("family", "index"), EXAMPLES)
def test_every_field_survives_the_form(
    family: str, index: int, connections_page: ConnectionsPage, admin: Rest, resolver: Resolver
) -> None:
    connection_id, example = f"osiris_{family}_main", EVERY_FIELD[family][index]
    form = connections_page.add(connection_id, family)
    form.fill(example)
    form.save()
    _assert_same(family, resolver.fields(connection_id), example)
    shown = json.dumps(admin.get(f"/connections/{connection_id}"))
    for spec in get_connector(family).model.fields():
        if spec.secret and isinstance(example.get(spec.name), str) and len(example[spec.name]) > 3:
            assert example[spec.name] not in shown
    form = connections_page.edit(connection_id, family)
    for spec in get_connector(family).model.fields():
        if spec.name in example:
            assert _is_shown(form.shown(spec), spec, example[spec.name]), spec.name
    # Saved again, what is shown as *** must stay what it was.
    form.change_description("looked at")
    form.save()
    _assert_same(family, resolver.fields(connection_id), example)


def _assert_same(family: str, actual: dict[str, object], example: dict[str, object]) -> None:
    """All is as it was typed, and nothing is there that was not; a switch that is off is one untouched."""
    off = {spec.name for spec in get_connector(family).model.fields() if spec.default is False}
    assert actual == {name: value for name, value in example.items() if value is not False or name not in off}


def _is_shown(text: str, spec: FieldSpec, value: object) -> bool:
    if spec.choices and spec.name in MASKED_BY_NAME:
        return text == "Select Value"
    if isinstance(value, bool):
        return text == (json.dumps(value) if spec.choices else "on" if value else "off")
    if isinstance(value, int | float):
        return float(text) == value
    if isinstance(value, dict):
        return "***" in text and not any(str(inner) in text for inner in value.values())
    return text == ("***" if spec.secret or spec.name in MASKED_BY_NAME else str(value))
