"""Everybody can use the chat: rules of axe, keys alone, contrast on any colour, less motion, forced colours."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.backend import Backend, until
from tests.browser.chat import Chat, approached, met
from tests.browser.conftest import OpenPage, Shot, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

BODY = '<main><h1>Tents</h1><label>Search <input id="search"></label></main>'
CONTRAST_MIN = 4.5
# Paints what a browser computed, and counts contrast as WCAG 2.2 does.
CONTRAST = """([words, ground]) => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const luminance = (element, name) => {
    context.fillStyle = getComputedStyle(element)[name];
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const root = document.querySelector("opportune-chat").shadowRoot;
  const seen = [[words, "color"], [ground, "backgroundColor"]];
  const [low, high] = seen
    .map(([selector, name]) => luminance(root.querySelector(selector), name))
    .sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


def _violations(page: Page) -> list[str]:
    """Return what axe finds wrong in the chat; a page's own faults are not ours."""
    found = Axe().run(page, context="opportune-chat").response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


def test_axe_finds_nothing(
    open_page: OpenPage,
    pages: Pages,
    backend: Backend,
    snippet: Snippet,
    witness: Witness,
    shot: Shot,
) -> None:
    address = pages.put("/", body=BODY + snippet())
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        chat, _ = approached(page, witness, backend, address, "See https://acme.example/tents")
        page.wait_for_timeout(300)
        assert _violations(page) == []
        shot(page, f"card_{scheme}")
        chat.reply("Book a fitting").click()
        slots = chat.panel.locator(".picker .reply")
        expect(slots).to_have_count(6)
        page.wait_for_timeout(300)
        assert _violations(page) == []
        shot(page, f"slots_{scheme}")
        slots.first.click()
        assert _violations(page) == []
        chat.words.fill("How long is the delivery?")
        chat.words.press("Enter")
        expect(chat.log).to_contain_text("Most parcels")
        assert _violations(page) == []
        shot(page, f"panel_{scheme}")


def test_keys_alone_answer_a_card_and_leave_the_chat(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    page.locator("#search").focus()
    walked = []
    for _ in range(5):
        page.keyboard.press("Tab")
        walked.append(
            page.evaluate(
                "document.querySelector('opportune-chat').shadowRoot.activeElement?.ariaLabel"
            )
        )
        if chat.reply("Tell me more").evaluate("e => e.getRootNode().activeElement === e"):
            break
    assert "Close" in walked
    page.keyboard.press("Enter")
    expect(chat.words).to_be_focused()
    page.keyboard.type("How long is the delivery?")
    page.keyboard.press("Enter")
    expect(chat.log).to_contain_text("Most parcels")
    page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    assert chat.focused() == "search"


def test_words_can_be_read_on_every_colour(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    named = ["#000", "#fff", "#00f", "#ff0", "#f0f", "#0f0", "#0ff", "#f00", "#777", "#2563eb"]
    wheel = [
        f"hsl({hue} {fill}% {light}%)"
        for hue in range(0, 360, 30)
        for fill, light in ((100, 50), (60, 30), (90, 75))
    ]
    too_low = []
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        chat, _ = approached(page, witness, backend, address, "See https://acme.example/tents")
        chat.reply("Tell me more").click()
        expect(chat.log.locator(".visitor .bubble")).to_have_count(1)
        chat.words.fill("How long is the delivery?")
        chat.words.press("Enter")
        expect(chat.reply("Call me")).to_be_visible()
        for color in (*named, *wheel):
            style = "c => document.querySelector('opportune-chat').style.setProperty('--opportune-color', c)"
            page.evaluate(style, color)
            for pair in (
                (".launcher", ".launcher"),
                (".visitor .bubble", ".visitor .bubble"),
                (".panel .reply", ".panel"),
                (".bubble a", ".assistant .bubble"),
            ):
                seen = page.evaluate(CONTRAST, pair)
                if seen < CONTRAST_MIN:
                    too_low.append((scheme, color, pair[0], round(seen, 2)))
    assert too_low == []


def test_less_motion_means_none(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page(reduced_motion="reduce")
    chat, _ = approached(page, witness, backend, pages.put("/", body=BODY + snippet()))
    assert chat.card.evaluate("e => e.getAnimations().length") == 0


def test_forced_colours_keep_the_edges_of_what_can_be_pressed(
    open_page: OpenPage,
    pages: Pages,
    backend: Backend,
    snippet: Snippet,
    witness: Witness,
    shot: Shot,
) -> None:
    page = open_page(forced_colors="active")
    chat, _ = approached(page, witness, backend, pages.put("/", body=BODY + snippet()))
    for one in (chat.launcher, chat.reply("Not now")):
        style = one.evaluate(
            "e => [getComputedStyle(e).borderStyle, getComputedStyle(e).borderWidth]"
        )
        assert style == ["solid", "1px"]
    shot(page, "forced_colours")


def test_twice_the_size_still_fits(
    open_page: OpenPage,
    pages: Pages,
    backend: Backend,
    snippet: Snippet,
    witness: Witness,
    shot: Shot,
) -> None:
    page = open_page(viewport={"width": 640, "height": 360}, device_scale_factor=2)
    chat, _ = approached(page, witness, backend, pages.put("/", body=BODY + snippet()))
    assert chat.card.bounding_box()["y"] >= 0
    chat.launcher.click()
    page.wait_for_timeout(250)
    box = chat.panel.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 360
    expect(chat.words).to_be_in_viewport()
    shot(page, "panel_200_percent")


def test_everything_that_can_be_pressed_is_large_enough(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = approached(page, witness, backend, pages.put("/", body=BODY + snippet()))
    _large_enough(chat)
    chat.reply("Book a fitting").click()
    expect(chat.panel.locator(".picker .reply")).to_have_count(6)
    _large_enough(chat)


def test_a_new_message_is_announced_politely_in_what_was_there_before(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    place = page.locator("opportune-chat .cards")
    expect(place).to_have_attribute("role", "log")
    expect(place).to_have_attribute("aria-live", "polite")
    place.evaluate("e => { e.mark = 1 }")
    backend.send(session, "May I help?")
    card = page.get_by_role("log").get_by_role("dialog", name="Fernwood Outfitters")
    expect(card).to_have_attribute("aria-modal", "false")
    assert place.evaluate("e => e.mark") == 1
    until(chat.card.is_visible, page=page)


def _large_enough(chat: Chat) -> None:
    """Assert that no visible button or link of the chat is under 24 by 24 pixels."""
    for one in chat.page.locator(
        "opportune-chat button:visible, opportune-chat a.reply:visible"
    ).all():
        box = one.bounding_box()
        assert min(box["width"], box["height"]) >= 24, one.inner_html()
