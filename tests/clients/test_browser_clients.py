"""Unmodified clients for browsers tell a visit from a page: it comes in whole and once, and a rule speaks."""

from playwright.sync_api import Page

from tests.browser.backend import TOKEN, Backend, until
from tests.browser.pages import Pages
from tests.browser.witness import Witness
from tests.clients.fault_proxy import FaultProxy
from tests.clients.sent_events import event_ids
from tests.clients.shop_pages import BROWSER_CLIENTS, put_shop
from tests.clients.stored import spoken, stored_events, stored_ids

SHOPPING = """
tell.page("Tents");
tell.track("Product Viewed", {product_id: "T-2", name: "Two-person tent", price: 129.9});
tell.track("Product Added", {product_id: "T-2", price: 129.9, quantity: 2});
"""
SHOPPED = ("view", "product_view", "add_to_cart")
WHO = 'tell.identify("USER", {first_name: "Ada"});'
LAST = 'tell.track("size_guide_opened");'
LATE_S = 20.0
"""Longer than a client waits before it tries again."""


def _open(page: Page, pages: Pages, client: str, proxy: FaultProxy) -> str:
    """Open the shop and return the client's own id of its visitor."""
    page.goto(put_shop(pages, client, proxy.address, TOKEN))
    visitor: str = page.evaluate("tell.ready")
    return visitor


def _sent(proxy: FaultProxy) -> list[str]:
    return [one for asked, _ in proxy.events() for one in event_ids(asked)]


def _come_in(backend: Backend, names: tuple[str, ...], *visitors: str) -> list[str]:
    """Wait until events of these names are stored, and return the names of all that are."""

    def look() -> list[str]:
        stored = [event["name"] for event in stored_events(backend, *visitors)]
        return stored if set(names) <= set(stored) else []

    return until(look, within_s=LATE_S)


def test_a_page_streams_a_session_in_and_a_rule_speaks(
    browser_client: str, page: Page, pages: Pages, backend: Backend, proxy: FaultProxy
) -> None:
    user = f"{browser_client}-user"
    visitor = _open(page, pages, browser_client, proxy)
    page.evaluate(SHOPPING + WHO.replace("USER", user))
    assert "Ada, shall we keep the tent" in spoken(backend, visitor, user)
    _come_in(backend, (*SHOPPED, "identify"), visitor, user)
    until(lambda: stored_ids(backend, visitor, user) == sorted(set(_sent(proxy))))


def test_what_a_page_tells_as_it_closes_is_not_lost(
    leaving_client: str, page: Page, pages: Pages, backend: Backend, proxy: FaultProxy
) -> None:
    visitor = _open(page, pages, leaving_client, proxy)
    page.evaluate(SHOPPING + LAST)
    page.close()
    # What the client could not send before the page went, it keeps for the next page of the site.
    later = page.context.new_page()
    later.goto(pages.address + "/tents")
    later.evaluate("tell.ready")
    names = (*SHOPPED, "size_guide_opened")
    stored = _come_in(backend, names, visitor)
    assert [stored.count(name) for name in names] == [1] * len(names)


def test_answers_that_fail_lose_and_double_nothing_of_a_page(
    browser_client: str,
    page: Page,
    pages: Pages,
    backend: Backend,
    proxy: FaultProxy,
    witness: Witness,
) -> None:
    # A browser says of each failed request that it failed.
    witness.allow(r"Failed to load resource")
    user = f"{browser_client}-failing"
    visitor = _open(page, pages, browser_client, proxy)
    faults = BROWSER_CLIENTS[browser_client].survives
    proxy.faults += faults
    page.evaluate(SHOPPING + WHO.replace("USER", user))
    _come_in(backend, (*SHOPPED, "identify"), visitor, user)
    # What was cut off has been told again.
    until(lambda: len(_sent(proxy)) > len(set(_sent(proxy))), within_s=LATE_S)
    assert proxy.befallen == list(faults)
    stored = stored_ids(backend, visitor, user)
    assert len(stored) == len(set(stored))
