"""The proactive card: when it comes on screen, how it goes, and what the server is told."""

from playwright.sync_api import Page, expect

from tests.browser.backend import Backend, until
from tests.browser.chat import REPLIES, Chat, approached, becomes, met
from tests.browser.conftest import OpenPage, Shot, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

BODY = '<h1>Tents</h1><input id="search"><p>For two who carry it themselves.</p>'


def test_a_card_is_displayed_then_read_and_the_focus_stays(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, session = met(page, witness, address)
    page.locator("#search").focus()
    message_id = backend.send(session, "May I help?", quick_replies=REPLIES)
    expect(chat.card).to_contain_text("May I help?")
    becomes(page, backend, message_id, status="read")
    assert chat.focused() == "search"
    shot(page, "card")


def test_the_cross_dismisses_a_card_for_good(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, message_id = approached(page, witness, backend, address)
    chat.card.get_by_role("button", name="Close").click()
    expect(chat.card).to_have_count(0)
    becomes(page, backend, message_id, outcome="dismissed")
    page.reload()
    expect(chat.launcher).to_be_visible()
    page.wait_for_timeout(500)
    expect(chat.card).to_have_count(0)
    expect(chat.badge).to_be_hidden()


def test_escape_dismisses_a_card_unless_the_page_has_the_focus(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, message_id = approached(page, witness, backend, address)
    page.locator("#search").press("Escape")
    expect(chat.card).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    expect(chat.card).to_have_count(0)
    becomes(page, backend, message_id, outcome="dismissed")


def test_escape_in_a_card_gives_the_focus_back_and_stays_from_the_page(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    page.evaluate("window.heard = []; addEventListener('keydown', e => heard.push(e.key))")
    page.locator("#search").focus()
    chat.reply("Tell me more").focus()
    page.keyboard.press("Escape")
    expect(chat.card).to_have_count(0)
    assert chat.focused() == "search"
    assert page.evaluate("heard") == []


def test_a_reply_that_dismisses_closes_the_card_and_says_nothing(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, message_id = approached(page, witness, backend, address)
    chat.reply("Not now").click()
    expect(chat.card).to_have_count(0)
    expect(chat.panel).to_be_hidden()
    becomes(page, backend, message_id, outcome="dismissed")
    session = str(witness.started()["chatSessionId"])
    assert [one["from"] for one in backend.messages(session)] == ["assistant"]


def test_a_reply_opens_the_chat_in_place_with_the_choice_as_own_words(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, message_id = approached(page, witness, backend, address)
    chat.reply("Tell me more").click()
    expect(chat.panel).to_be_visible()
    expect(chat.said).to_have_text(["May I help?", "Tell me more", "It is dry, light and quiet."])
    expect(chat.log.locator(".reply")).to_have_count(0)
    expect(chat.card).to_have_count(0)
    expect(chat.words).to_be_focused()
    own, theirs = chat.said.nth(1).bounding_box(), chat.said.nth(2).bounding_box()
    assert own["x"] > theirs["x"]
    assert own["x"] + own["width"] > theirs["x"] + theirs["width"]
    assert backend.progress(message_id)["outcome"] == "replied"


def test_a_reload_shows_what_was_answered_and_pops_nothing_up(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    chat.reply("Tell me more").click()
    expect(chat.log).to_contain_text("It is dry, light and quiet.")
    page.reload()
    expect(chat.launcher).to_be_visible()
    chat.launcher.click()
    expect(chat.said).to_have_text(["May I help?", "Tell me more", "It is dry, light and quiet."])
    expect(chat.log.locator(".reply")).to_have_count(0)
    expect(chat.card).to_have_count(0)


def test_a_displayed_card_survives_navigation_as_a_badge(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, message_id = approached(page, witness, backend, address)
    becomes(page, backend, message_id, status="read")
    page.goto(pages.put("/next", body=BODY + snippet()))
    expect(chat.badge).to_have_text("1")
    expect(chat.card).to_have_count(0)
    chat.launcher.click()
    expect(chat.badge).to_be_hidden()
    expect(chat.reply("Tell me more")).to_be_visible()


def test_a_bubble_is_one_line_that_opens_the_card(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, session = met(page, witness, address)
    message_id = backend.send(
        session, "May I help?", quick_replies=REPLIES, options={"display": "bubble"}
    )
    expect(chat.card).to_contain_text("May I help?")
    expect(chat.reply("Tell me more")).to_have_count(0)
    assert chat.card.bounding_box()["height"] < 60
    shot(page, "bubble")
    becomes(page, backend, message_id, status="read")
    chat.card.get_by_role("button", name="May I help?").click()
    expect(chat.reply("Tell me more")).to_be_visible()


def test_a_message_may_open_the_chat_without_the_focus(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, session = met(page, witness, address)
    page.locator("#search").focus()
    message_id = backend.send(
        session, "May I help?", quick_replies=REPLIES, options={"display": "open"}
    )
    expect(chat.panel).to_contain_text("May I help?")
    assert chat.focused() == "search"
    becomes(page, backend, message_id, status="read")
    chat.panel.get_by_role("button", name="Close").click()
    becomes(page, backend, message_id, outcome="dismissed")


def test_of_two_tabs_one_shows_a_card(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, session = met(page, witness, address)
    other = Chat(page.context.new_page())
    other.page.goto(address)
    expect(other.launcher).to_be_visible()
    visitor = str(witness.started()["visitorId"])
    until(lambda: len(backend.events(visitor, "view")) == 2, page=page)
    message_id = backend.send(session, "May I help?", quick_replies=REPLIES)
    until(lambda: chat.card.count() + other.card.count(), page=page)
    becomes(page, backend, message_id, status="read")
    page.wait_for_timeout(300)
    assert chat.card.count() + other.card.count() == 1


def test_a_hidden_tab_shows_nothing_before_it_is_seen(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    _hide(page, hidden=True)
    message_id = backend.send(session, "May I help?", quick_replies=REPLIES)
    becomes(page, backend, message_id, status="delivered")
    page.wait_for_timeout(300)
    expect(chat.card).to_have_count(0)
    _hide(page, hidden=False)
    expect(chat.card).to_be_visible()
    becomes(page, backend, message_id, status="read")


def test_a_message_taken_back_in_time_never_comes(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    _hide(page, hidden=True)
    message_id = backend.send(session, "May I help?", quick_replies=REPLIES)
    becomes(page, backend, message_id, status="delivered")
    backend.call("DELETE", f"/v1/outbound/live-chat/message/{message_id}")
    page.wait_for_timeout(300)
    _hide(page, hidden=False)
    page.wait_for_timeout(300)
    expect(chat.card).to_have_count(0)
    chat.launcher.click()
    expect(chat.log).not_to_contain_text("May I help?")


def test_a_card_fits_a_small_phone_and_leaves_most_of_it(
    open_page: OpenPage,
    pages: Pages,
    backend: Backend,
    snippet: Snippet,
    witness: Witness,
    shot: Shot,
) -> None:
    page = open_page(viewport={"width": 320, "height": 568}, has_touch=True, is_mobile=True)
    address = pages.put("/", body=BODY + snippet())
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk " * 4
    chat, _ = approached(page, witness, backend, address, long.strip())
    page.wait_for_timeout(250)
    box = chat.card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["height"] <= 0.4 * 568 + 1
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    sizes = chat.card.get_by_role("button").all()
    assert all(one.bounding_box()["height"] >= 44 for one in sizes)
    shot(page, "card_phone")


def test_an_answer_that_is_not_stored_keeps_the_replies(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    witness.allow(r"ERR_|opportune|blocked by CORS")
    page.context.set_offline(True)
    chat.reply("Tell me more").click()
    expect(chat.reply("Tell me more")).to_have_attribute("aria-busy", "true")
    expect(chat.card).to_contain_text("Not sent. Try again", timeout=15_000)
    expect(chat.reply("Tell me more")).not_to_have_attribute("aria-busy", "true")
    expect(chat.panel).to_be_hidden()


def _hide(page: Page, *, hidden: bool) -> None:
    """Let the page believe that its tab is hidden, or shown again."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        """state => {
          Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
          Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )
