"""Where a header Link leads, and where it says that there is no next page."""

from __future__ import annotations

import pytest
from osiris_provider.drivers.http.page import Page
from osiris_provider.drivers.http.page_kinds import LinkedPages
from osiris_provider.drivers.http.pagination import NextRequest
from osiris_provider.drivers.http.paths import MISSING, Missing

URL = "https://api.example.com/v1/items?page=3"


def following(header: str, relation: str = "next") -> NextRequest | Missing | None:
    page = Page(3, [], {"Link": header} if header else {}, URL, [], 0, 0, "", ended=False)
    return LinkedPages(kind="link", relation=relation).following(page)


@pytest.mark.parametrize("relation", ["first", "last", "prev", "previous", "PREV", "first prev"])
def test_the_other_relations_of_pages_alone_are_the_end(relation: str) -> None:
    assert following(f'<?page=1>; rel="{relation}"') is None


@pytest.mark.parametrize("header", ["", " ", '<?page=1>; rel="self"', '<?page=1>; rel="canonical"', "<?page=1>"])
def test_without_a_relation_of_pages_the_link_is_missing(header: str) -> None:
    assert following(header) is MISSING


def test_a_relation_that_is_not_there_beside_next_is_missing_and_not_the_end() -> None:
    assert following('<?page=4>; rel="next", <?page=1>; rel="first"', relation="forward") is MISSING


@pytest.mark.parametrize(
    "header",
    [
        '<?page=4>; rel="next"; title="a, <b>; rel=prev"',
        '<?page=4>; title="\\"; rel=prev; \\""; rel=next',
        "<?page=4>;REL=Next;rel=prev",
        '<?page=1>; rel=prev,<?page=4>; rel = "next"',
        '<?page=4>; anchor; rel="next"',
    ],
)
def test_what_is_quoted_separates_nothing_and_the_first_relation_counts(header: str) -> None:
    actual = following(header)
    assert isinstance(actual, NextRequest)
    assert actual.url == "https://api.example.com/v1/items?page=4"


def test_a_url_may_have_what_separates_links() -> None:
    actual = following('<items;a=1,2?ids=3,4;5>; rel="next", <?page=1>; rel="first"')
    assert isinstance(actual, NextRequest)
    assert actual.url == "https://api.example.com/v1/items;a=1,2?ids=3,4;5"


@pytest.mark.parametrize("relation", ["next", "NEXT", "self next"])
def test_the_next_page_is_found_among_others(relation: str) -> None:
    actual = following(f'<?page=1>; rel="first", <?page=4>; rel="{relation}"')
    assert isinstance(actual, NextRequest)
    assert actual.url == "https://api.example.com/v1/items?page=4"
