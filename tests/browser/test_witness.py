"""The harness itself: what a page says or throws fails its test, unless the test expected it."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.pages import Pages
from tests.browser.witness import Witness

LOUD = """
<script>
  console.log("quiet");
  console.warn("a warning");
  setTimeout(() => { throw new TypeError("thrown later") });
</script>
"""


def test_a_warning_and_an_exception_fail_a_test_that_did_not_expect_them(
    page: Page, pages: Pages, witness: Witness
) -> None:
    with page.expect_event("pageerror"):
        page.goto(pages.put("/", body=LOUD))
    with pytest.raises(AssertionError, match="a warning"):
        witness.judge()
    witness.allow("^a warning$")
    with pytest.raises(AssertionError, match="thrown later"):
        witness.judge()
    witness.allow("TypeError: thrown later")
    assert ("log", "quiet") in witness.console


def test_pages_of_other_visitors_are_heard_too(
    open_page: OpenPage, pages: Pages, witness: Witness
) -> None:
    first, second = open_page(), open_page(color_scheme="dark")
    address = pages.put(
        "/", body="<script>console.log(matchMedia('(prefers-color-scheme: dark)').matches)</script>"
    )
    first.goto(address)
    second.goto(address)
    assert witness.console == [("log", "false"), ("log", "true")]
    assert pages.asked.count("/") == 2


def test_a_page_has_the_headers_that_it_was_given(
    page: Page, pages: Pages, witness: Witness
) -> None:
    policy = {"Content-Security-Policy": "script-src 'none'"}
    page.goto(pages.put("/", body="<script>console.log('ran')</script>", headers=policy))
    witness.allow("Content Security Policy")
    assert ("log", "ran") not in witness.console
