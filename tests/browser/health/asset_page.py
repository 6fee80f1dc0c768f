"""The page of an asset, as people use it."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def unfold_events(page: Page, number: int) -> str:
    """Unfold what the events of an asset say, and return it.

    :param page: where the asset is shown.
    :param number: of events to unfold, the newest first.
    """
    folded = page.locator(".inline-folded")
    folded.first.wait_for()
    # An event, and the details in there.
    for _ in range(2 * number):
        lines = page.locator(".view-line").count()
        folded.first.click()
        expect(page.locator(".view-line")).not_to_have_count(lines)
    return " ".join(page.locator(".view-lines").all_inner_texts()).replace("\N{NO-BREAK SPACE}", " ")
