"""The demo as a newcomer meets it: a process, its pages in a browser, by mouse, by keys, on a phone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Locator, Page, expect

from engine.clock import Stopwatch
from server.demo.pages import PAGES
from tests.browser.conftest import OpenPage, Shot
from tests.browser.witness import Witness
from tests.cli.processes import Process

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/demo\b")
SHOPPERS = "4"
SPEAKS_AFTER_MS = 8_000
"""What the rule `tent_help` of the demo asks for."""
SPOKEN = "Comparing tents? I can help you pick the right one."
ANSWER = "For two people who carry it themselves"
WIDE = {"width": 1280, "height": 760}
PHONE = {"width": 390, "height": 780}
STARTED_WITHIN_MS = 2_000
ALL_WITHIN_MS = 30_000
BUSY_MS = 3_000
"""How much later than its instant a busy machine may draw a card."""


@dataclass(slots=True)
class Demo:
    """The demo's view in a browser: the shop, and beside it what the engine makes of its visitors."""

    page: Page

    @property
    def shop(self) -> FrameLocator:
        """Return the shop."""
        return self.page.frame_locator("#shop")

    @property
    def card(self) -> Locator:
        """Return the message that nobody asked for."""
        return self.shop.locator("opportune-chat .card")

    @property
    def you(self) -> Locator:
        """Return the newcomer's own row of the visitors."""
        return self.page.locator(".visitor.you")

    @property
    def chosen(self) -> Locator:
        """Return what is said of the visitor who is looked at."""
        return self.page.locator("section.chosen")

    def go(self, link: str) -> None:
        """Follow a link of the shop's navigation."""
        self.shop.get_by_role("navigation").get_by_role("link", name=link, exact=True).click()

    def be_new(self) -> None:
        """Become a new visitor, and wait until the live view has met them."""
        before = _known(self.page)
        self.shop.get_by_role("button", name="Be a new visitor").click()
        expect(self.shop.get_by_role("heading", name="Gear for quiet places")).to_be_visible()
        self.page.wait_for_function("before => you !== before", arg=before)
        expect(self.you).to_contain_text("home")


def _known(page: Page) -> str:
    return str(page.evaluate("you"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("demo")
    options = ("--port", "0", "--no-open", "--store", "memory:", "--shoppers", SHOPPERS)
    process = Process(folder, "demo", *options)
    try:
        process.wait_for("Stop: Ctrl-C")
        found = ADDRESS.search(process.said)
        assert found, process.said
        yield found[0]
        assert "Traceback" not in process.said
    finally:
        process.child.terminate()
        process.child.wait()


def _enter(page: Page, address: str) -> Demo:
    page.goto(address)
    demo = Demo(page)
    expect(demo.you).to_be_attached()
    return demo


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def test_a_newcomer_meets_their_own_message_and_sees_why_it_came(
    open_page: OpenPage, address: str, witness: Witness, shot: Shot
) -> None:
    page, watch = open_page(viewport=WIDE), Stopwatch()
    demo = _enter(page, address)
    expect(demo.you).to_be_visible(timeout=STARTED_WITHIN_MS)
    expect(demo.you).to_contain_text("home")
    expect(demo.chosen).to_contain_text("No rule is about the page that you are on")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    clicked = Stopwatch()
    demo.go("Tents")
    expect(demo.you).to_contain_text("tents")
    expect(demo.chosen).to_contain_text("when time_on_page >= 8s")
    expect(demo.card).to_contain_text(SPOKEN, timeout=SPEAKS_AFTER_MS + BUSY_MS)
    assert clicked.elapsed_ms() >= SPEAKS_AFTER_MS
    assert page.evaluate("document.activeElement.tagName") in {"BODY", "IFRAME"}
    expect(demo.you).to_contain_text("approached by tent_help")
    decision = page.locator("#decisions li").first
    for words in ("tent_help: sent at score", SPOKEN, "on page tents", "unless seen cart_add"):
        expect(decision).to_contain_text(words)
    expect(decision.locator(".yes")).to_have_count(3)
    page.wait_for_timeout(300)
    shot(page, "demo_card")

    demo.card.get_by_role("button", name="Sizing question").click()
    expect(demo.shop.locator("opportune-chat .log")).to_contain_text(ANSWER)
    expect(demo.you).to_contain_text("in conversation")
    shot(page, "demo_chat")

    first = _known(page)
    demo.be_new()
    assert _known(page) != first
    expect(page.get_by_role("button", name="you, before")).to_be_visible()
    expect(demo.card).to_have_count(0)
    assert watch.elapsed_ms() < ALL_WITHIN_MS
    assert len({answer.json()["visitorId"] for answer in witness.sessions}) == 2


def test_a_card_is_answered_by_keys_alone(page: Page, address: str) -> None:
    demo = _enter(page, address)
    link = demo.shop.get_by_role("navigation").get_by_role("link", name="Tents", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(demo.card).to_contain_text(SPOKEN, timeout=SPEAKS_AFTER_MS + BUSY_MS)
    reply = demo.card.get_by_role("button", name="Sizing question")
    for _ in range(60):
        page.keyboard.press("Tab")
        if reply.evaluate("one => one.getRootNode().activeElement === one"):
            break
    expect(reply).to_be_focused()
    page.keyboard.press("Enter")
    expect(demo.shop.locator("opportune-chat .log")).to_contain_text(ANSWER)
    page.keyboard.press("Escape")
    expect(demo.shop.locator("opportune-chat .panel")).to_be_hidden()


def test_on_a_phone_the_halves_are_tabs_that_keys_turn(
    open_page: OpenPage, address: str, shot: Shot
) -> None:
    page = open_page(viewport=PHONE)
    demo = _enter(page, address)
    shop, live = page.get_by_role("tab", name="The shop"), page.get_by_role("tab", name="Live view")
    expect(page.get_by_role("tabpanel", name="The shop")).to_be_visible()
    expect(demo.you).to_be_hidden()
    shop.focus()
    page.keyboard.press("ArrowRight")
    expect(live).to_be_focused()
    expect(live).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Live view")).to_be_visible()
    expect(page.locator("#shop")).to_be_hidden()
    expect(demo.you).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "demo_phone_live")
    page.keyboard.press("Tab")
    expect(live).not_to_be_focused()
    live.focus()
    for key, expected in (("ArrowRight", shop), ("End", live), ("Home", shop), ("ArrowLeft", live)):
        page.keyboard.press(key)
        expect(expected).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator("#shop")).to_be_visible()
    shot(page, "demo_phone_shop")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    open_page: OpenPage, address: str, shot: Shot, scheme: str
) -> None:
    page = open_page(viewport=WIDE, color_scheme=scheme)
    _enter(page, address)
    expect(page.locator(".visitor")).not_to_have_count(1)
    assert _violations(page) == []
    page.locator(".visitor:not(.you)").first.click()
    expect(page.locator(".visitor[aria-pressed=true]:not(.you)")).to_have_count(1)
    page.wait_for_timeout(500)
    assert _violations(page) == []
    shot(page, f"demo_live_{scheme}")
    for name in PAGES:
        page.goto(f"{address}/shop/{name}")
        expect(page.locator("opportune-chat .launcher")).to_be_visible()
        assert _violations(page) == [], name


def test_who_looks_at_a_visitor_keeps_the_focus_while_the_list_changes(
    page: Page, address: str
) -> None:
    demo = _enter(page, address)
    demo.you.focus()
    page.keyboard.press("Enter")
    page.evaluate("meet({visitor_id: 'vis_another', status: 'online'}); dirty = true")
    expect(page.get_by_role("button", name="vis_another")).to_be_visible()
    expect(demo.you).to_be_focused()


def test_where_there_is_nothing_to_see_of_the_rules_it_says_why(page: Page, address: str) -> None:
    demo = _enter(page, address)
    page.evaluate("meet({visitor_id: 'vis_reader', status: 'online'}); dirty = true")
    page.evaluate("visitors.get('vis_reader').why = []")
    page.get_by_role("button", name="vis_reader").click()
    expect(demo.chosen).to_contain_text("No rule of this shop is about the page that this visitor")
    page.evaluate("meet({visitor_id: 'vis_reader', status: 'offline'}); dirty = true")
    expect(demo.chosen).to_contain_text("This visitor has left.")
    page.evaluate("chosen = 'vis_nobody'; dirty = true")
    expect(demo.chosen).to_contain_text("Nobody is chosen.")


def test_who_has_no_token_is_told_where_to_get_one(page: Page, address: str) -> None:
    page.goto(f"{address}/view")
    expect(page.get_by_role("status")).to_have_text("signed out: open /demo")
