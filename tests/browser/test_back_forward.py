"""A page that the browser keeps for going back to: with the widget on it, it is kept, and comes back alive."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.backend import Backend, until
from tests.browser.conftest import SWITCHES, TIMEOUT_S, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

KEPT = "performance.getEntriesByType('navigation')[0].notRestoredReasons"


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """Run a browser as visitors have it: Playwright's own keeps no page."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path,
            args=[*SWITCHES.split(), "--enable-features=BackForwardCache"],
            ignore_default_args=["--disable-back-forward-cache"],
            timeout=TIMEOUT_S * 1000,
        )
        yield running
        running.close()


def test_a_page_that_was_kept_goes_on_with_its_socket(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.goto(pages.put("/kept", head=snippet(), body="<h1>Tents</h1>"))
    until(lambda: witness.sessions, page=page)
    visitor = str(witness.started()["visitorId"])
    until(lambda: backend.events(visitor, "view"), page=page)
    page.evaluate("window.isKept = true; addEventListener('pageshow', e => { back = e.persisted })")
    page.goto(pages.put("/next", body="<h1>Next</h1>"))
    until(lambda: backend.events(visitor, "page_leave"), page=page)
    page.go_back(wait_until="commit")
    assert page.evaluate("window.isKept"), page.evaluate(f"JSON.stringify({KEPT})")
    assert page.evaluate("window.back")
    until(lambda: len(backend.events(visitor, "view")) == 2, page=page)
    page.evaluate("opportune('track', 'alive')")
    assert until(lambda: backend.events(visitor, "alive"), page=page)
    assert len(witness.requests("/session")) == 1
