"""Admin > Connections, as people use it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from osiris_provider.connectors import get_connector
from osiris_provider.connectors.airflow_form import extra_key
from osiris_provider.connectors.model import FieldSpec
from playwright.sync_api import Locator, Page, expect

SECTIONS = ("Standard Fields", "Extra Fields")


class ConnectionForm:
    """The form of one connection, open.

    :param page: of the browser.
    :param family: whose connection type is chosen.
    """

    def __init__(self, page: Page, family: str) -> None:
        self.dialog = page.get_by_role("dialog")
        self.family = family
        self._page = page

    def open_section(self, name: str) -> Locator:
        """Unfold a section, if it is not so, and return it.

        :param name: one of :data:`SECTIONS`.
        """
        button = self.dialog.get_by_role("button", name=name, exact=True)
        if button.get_attribute("aria-expanded") != "true":
            button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        return button.locator("xpath=ancestor::*[@data-part='item']")

    def input_of(self, spec: FieldSpec) -> Locator:
        """Return where a field is typed, with its section unfolded."""
        if spec.info.airflow != "extra":
            return self.open_section("Standard Fields").locator(f"[name='{spec.info.airflow}']")
        section, name = self.open_section("Extra Fields"), f"element_{extra_key(spec)}"
        # Airflow makes drop-down lists and editors of JSON of more than one element.
        by_id = spec.choices or _is_mapping(spec)
        return section.locator(f"[id='{name}']" if by_id else f"input[name='{name}']")

    def change_description(self, text: str) -> None:
        """Type a description."""
        self.open_section("Standard Fields").locator("[name='description']").fill(text)

    def shown(self, spec: FieldSpec) -> str:
        """Return what a field shows; ``on`` or ``off`` of a switch."""
        field = self.input_of(spec)
        if field.evaluate("element => element.tagName") == "DIV":
            return field.inner_text()
        if field.get_attribute("type") == "checkbox":
            return "on" if field.is_checked() else "off"
        return field.input_value()

    def fill(self, fields: Mapping[str, Any]) -> None:
        """Type a connection in.

        :param fields: of the family's model.
        """
        for spec in get_connector(self.family).model.fields():
            value = fields.get(spec.name)
            if value is not None:
                self._fill(spec, value)

    def save(self) -> None:
        """Press Save and wait until the form has gone."""
        self.dialog.get_by_role("button", name="Save").click()
        expect(self.dialog).to_be_hidden()

    def _fill(self, spec: FieldSpec, value: Any) -> None:
        field = self.input_of(spec)
        if spec.choices:
            field.click()
            shown = json.dumps(value) if isinstance(value, bool) else value
            self._page.get_by_role("option", name=shown, exact=True).click()
        elif isinstance(value, bool):
            if field.is_checked() != value:
                # The box itself is hidden behind a switch.
                field.locator("xpath=ancestor::label").click()
        elif isinstance(value, Mapping):
            field.locator(".view-lines").click()
            self._page.keyboard.press("Control+A")
            # Whenever it is JSON the form writes it again, wherever the cursor is: the x keeps it from being so.
            self._page.keyboard.type("x" + json.dumps(value, ensure_ascii=False))
            self._page.keyboard.press("Control+Home")
            self._page.keyboard.press("Delete")
        else:
            field.fill(str(value))


def _is_mapping(spec: FieldSpec) -> bool:
    return any(get_origin(one) is dict for one in (spec.annotation, *get_args(spec.annotation)))


class ConnectionsPage:
    """The list of connections.

    :param page: of the browser.
    :param origin: of Airflow.
    """

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self._origin = origin

    def open(self) -> None:
        """Go there."""
        self.page.goto(f"{self._origin}/connections")
        self.page.get_by_role("button", name="Add Connection").first.wait_for()

    def add(self, connection_id: str, family: str) -> ConnectionForm:
        """Open the form of a new connection and choose its type."""
        self.page.get_by_role("button", name="Add Connection").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("textbox", name="Connection ID").fill(connection_id)
        dialog.get_by_role("combobox", name="Connection Type").fill(f"osiris_{family}")
        self.page.get_by_role("option").first.wait_for()
        self.page.keyboard.press("Enter")
        expect(dialog.get_by_text(f"Osiris {get_connector(family).label}", exact=True)).to_be_visible()
        return ConnectionForm(self.page, family)

    def edit(self, connection_id: str, family: str) -> ConnectionForm:
        """Open the form of a connection that there is."""
        self._row(connection_id).get_by_role("button", name="Edit Connection").click()
        self.page.get_by_role("dialog").wait_for()
        return ConnectionForm(self.page, family)

    def test(self, connection_id: str) -> tuple[str, str, float]:
        """Press Test and read the toast.

        :return: its title, its text, and the seconds that it took to come.
        """
        toast = self.page.get_by_role("status").filter(has_text="Test Connection")
        begin = time.monotonic()
        self._row(connection_id).get_by_role("button", name="Test Connection").click()
        toast.wait_for()
        seconds = time.monotonic() - begin
        title, _, text = toast.first.inner_text().partition("\n")
        return title.strip(), text.strip(), seconds

    def _row(self, connection_id: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=connection_id, exact=True))
