"""Booking in the chat comes as a file of its own: when it is loaded, where it may be, and what a failure leaves."""

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.backend import Backend, until
from tests.browser.chat import REPLIES, Chat, approached, met
from tests.browser.conftest import OpenPage, Shot, Snippet
from tests.browser.pages import Pages
from tests.browser.sender import Sender
from tests.browser.witness import Witness

TRUSTED = "trusted-types 'none'; require-trusted-types-for 'script'"
BODY = '<h1>Tents</h1><input id="search">'
SLOT = {
    "appointment_slot": "2031-05-05T10:00:00+02:00",
    "end": "2031-05-05T12:00:00+02:00",
    "date": "2031-05-05",
    "time": "10:00",
    "available": 1,
}
LATER = {
    **SLOT,
    "appointment_slot": "2031-05-06T10:00:00+02:00",
    "end": "2031-05-06T11:30:00+02:00",
    "date": "2031-05-06",
}


def offered(page: Page, witness: Witness, backend: Backend, address: str) -> Chat:
    """Open a page and ask for the free slots."""
    chat, _ = approached(page, witness, backend, address)
    chat.reply("Book a fitting").click()
    return chat


def slots_of(chat: Chat) -> Locator:
    return chat.panel.locator(".picker .reply")


def give_back(backend: Backend) -> None:
    """Cancel the one appointment that there is."""
    all_of_them = backend.call("GET", "/v1/appointments")
    (booked,) = [one for one in all_of_them if one["status"] != "cancelled"]
    backend.call("POST", f"/v1/appointments/{booked['appointment_id']}/cancel", {})


def fill_in(page: Page, contact: str) -> None:
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail or phone").fill(contact)
    page.get_by_role("button", name="Book", exact=True).click()


def test_nothing_of_booking_is_loaded_before_there_is_something_to_book(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = approached(page, witness, backend, pages.put("/", body=BODY + snippet()))
    assert witness.requests("/booking.js") == []
    chat.reply("Book a fitting").click()
    expect(slots_of(chat)).to_have_count(6)
    assert len(witness.requests("/booking.js")) == 1


def test_what_cannot_be_loaded_is_offered_again(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("booking.js|ERR_FAILED")
    page.route("**/booking.js", lambda route: route.abort())
    chat = offered(page, witness, backend, pages.put("/", body=BODY + snippet()))
    again = chat.panel.get_by_role("button", name="Not sent. Try again")
    expect(again).to_be_visible()
    again.click()
    expect(again).to_be_visible()
    page.unroute("**/booking.js")
    again.click()
    expect(slots_of(chat)).to_have_count(6)
    expect(again).to_have_count(0)


def test_while_it_loads_its_place_shows_that_something_comes(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/booking.js", hold)
    chat = offered(page, witness, backend, pages.put("/", body=BODY + snippet()))
    expect(chat.log.locator(".dots:visible")).to_have_count(1)
    until(lambda: held, page=page)
    held[0].continue_()
    expect(slots_of(chat)).to_have_count(6)
    expect(chat.log.locator(".dots:visible")).to_have_count(0)


@pytest.mark.parametrize(
    "policy",
    [
        "script-src 'nonce-tents'",
        "script-src 'nonce-tents' 'strict-dynamic'",
        f"default-src 'self'; script-src SERVER; {TRUSTED}",
    ],
)
def test_a_page_that_lets_the_widget_in_lets_booking_in(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, policy: str
) -> None:
    server = backend.address
    whole = (
        f"{policy.replace('SERVER', server)}; connect-src {server} {server.replace('http', 'ws')}"
    )
    headers = {
        "Content-Security-Policy": whole,
        "Cross-Origin-Embedder-Policy": "require-corp",
    }
    tag = snippet().replace("<script", "<script nonce=tents")
    chat = offered(page, witness, backend, pages.put("/", body=BODY + tag, headers=headers))
    expect(slots_of(chat)).to_have_count(6)
    # Its style sheet is let in too.
    expect(chat.panel.locator(".picker")).to_have_css("border-top-width", "1px")


def test_a_booking_that_fails_is_tried_again_as_the_same_one(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    sender = Sender(page)
    chat = offered(page, witness, backend, pages.put("/", body=BODY + snippet()))
    slots_of(chat).first.click()
    page.wait_for_timeout(250)
    shot(page, "booking_form")
    sender.refuse_next("book", "store_unavailable")
    fill_in(page, "ann@acme.example")
    expect(chat.panel).to_contain_text("Not sent. Try again")
    expect(page.get_by_label("Your name")).to_have_value("Ann")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(chat.said.filter(has_text="✓")).to_have_count(1)
    first, second = [frame for frame in sender.heard if frame["type"] == "book"]
    assert first == second
    give_back(backend)


def test_a_second_press_books_once(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat = offered(page, witness, backend, pages.put("/", body=BODY + snippet()))
    slots_of(chat).first.click()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail or phone").fill("+1 416 555 9876")
    page.get_by_role("button", name="Book", exact=True).dblclick()
    expect(chat.said.filter(has_text="✓")).to_have_count(1)
    assert len([frame for frame in sender.heard if frame["type"] == "book"]) == 1
    give_back(backend)


def test_slots_are_written_on_the_calendars_clock_and_in_the_visitors_language(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page(locale="de-DE", timezone_id="America/New_York")
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    sender.event("action", action="schedule", timezone="Europe/Berlin", slots=[SLOT, LATER])
    expect(slots_of(chat)).to_have_text(["10:00–12:00 Uhr", "10:00–11:30 Uhr"])
    expect(chat.panel.locator(".picker p").nth(1)).to_contain_text("5. Mai, MESZ")
    sender.event("appointment_scheduled", appointment_id="appt_1", date="2031-05-05", time="10:00")
    expect(chat.said.filter(has_text="✓")).to_have_text("✓ Mo., 5. Mai, MESZ, 10:00–12:00 Uhr")
    expect(chat.panel.locator(".picker")).to_be_hidden()


def test_a_zone_that_a_browser_does_not_know_leaves_the_servers_words(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    sender.event("action", action="schedule", timezone="Mars/Olympus", slots=[SLOT])
    expect(slots_of(chat)).to_have_text(["10:00"])
    expect(chat.panel.locator(".picker p").nth(1)).to_have_text("2031-05-05")


def test_an_old_offer_of_slots_is_no_news_after_a_reload(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    anna = {"from": "agent", "agent_name": "Anna"}
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    backend.send(session, "May I help?", quick_replies=REPLIES)
    chat.reply("Book a fitting").click()
    expect(slots_of(chat)).to_have_count(6)
    backend.say(session, "Shall I come?", **anna)
    expect(chat.log).to_contain_text("Shall I come?")
    page.reload()
    expect(chat.launcher).to_be_visible()
    backend.say(session, "Are you there?", **anna)
    expect(chat.badge).to_have_text("1")
    chat.launcher.click()
    expect(slots_of(chat)).to_have_count(6)
