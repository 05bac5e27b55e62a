"""The first minute of a site with the snippet: a visitor reads, is spoken to, clicks, and is answered."""

import re

from playwright.sync_api import Page, expect

from tests.browser.backend import Backend, until
from tests.browser.conftest import Shot, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

OFFER = '<h1>Tents</h1><p>For two people who carry it themselves.</p><a href="/">Home</a>'
SPOKEN = "Hi there! Can I help you with the offer?"
FOCUSED = "document.activeElement.tagName"


def test_a_visitor_is_spoken_to_and_a_reply_is_answered(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    page.goto(pages.put("/offer", body=OFFER + snippet()))
    card = page.get_by_role("dialog")
    expect(card).to_contain_text(SPOKEN)
    expect(card.get_by_role("button", name="No thanks")).to_be_visible()
    assert page.evaluate(FOCUSED) == "BODY"
    shot(page, "first_message_card")
    session = witness.started()["chatSessionId"]
    (message,) = [one for one in backend.messages(session) if one["kind"] == "proactive"]
    until(lambda: backend.progress(message["message_id"])["status"] == "read")

    card.get_by_role("button", name="Is it in stock?").click()
    log = page.get_by_role("log")
    in_order = ["Can I help you with the offer?", "Is it in stock?", "Yes: it leaves today"]
    expect(log).to_have_text(re.compile(".*".join(map(re.escape, in_order)), re.DOTALL))
    expect(page.get_by_role("button", name="No thanks")).to_have_count(0)
    shot(page, "first_message_answered")
    assert backend.progress(message["message_id"])["outcome"] == "replied"
    said = [(one["from"], one["text"]) for one in backend.messages(session)]
    assert said == [
        ("assistant", SPOKEN),
        ("visitor", "Is it in stock?"),
        ("assistant", "Yes: it leaves today when you order before four."),
    ]


def test_words_of_a_visitor_are_answered_and_still_there_after_a_reload(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet
) -> None:
    page.goto(pages.put("/", body="<h1>Home</h1>" + snippet()))
    launcher = page.locator("opportune-chat").locator("[part~=launcher]")
    launcher.click()
    words = page.get_by_role("textbox")
    expect(words).to_be_focused()
    words.fill("How long is the delivery?")
    words.press("Enter")
    log = page.get_by_role("log")
    expect(log).to_contain_text("Most parcels arrive within two days.")
    page.reload()
    launcher.click()
    expect(log).to_contain_text("How long is the delivery?")
    expect(log).to_contain_text("Most parcels arrive within two days.")


def test_a_page_that_no_rule_is_about_stays_quiet(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.goto(pages.put("/", body="<h1>Home</h1>" + snippet()))
    expect(page.locator("opportune-chat")).to_be_attached()
    until(lambda: witness.sessions, page=page)
    visitor = witness.started()["visitorId"]
    until(lambda: backend.events(visitor, "view"))
    # Longer than the rule of the offer waits.
    page.wait_for_timeout(1_500)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert backend.messages(witness.started()["chatSessionId"]) == []
