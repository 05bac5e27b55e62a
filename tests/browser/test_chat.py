"""The open chat: words, answers, slots, a person, a telephone; and the page around it."""

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.backend import Backend, until
from tests.browser.chat import approached, met
from tests.browser.conftest import OpenPage, Shot, Snippet
from tests.browser.pages import Pages
from tests.browser.sender import Sender
from tests.browser.witness import Witness

BODY = '<h1>Tents</h1><input id="search">'
AGENT_SAYS = {"from": "agent", "agent_name": "Anna"}


def test_the_launcher_opens_the_chat_at_its_input_and_gets_the_focus_back(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    expect(chat.words).to_be_focused()
    expect(chat.said).to_have_text(["Hi! What can we help you with?"])
    page.keyboard.press("Escape")
    expect(chat.panel).to_be_hidden()
    expect(chat.launcher).to_be_focused()
    chat.launcher.press("Enter")
    expect(chat.words).to_be_focused()
    visitor = str(witness.started()["visitorId"])
    until(lambda: len(backend.events(visitor, "widget_opened")) == 2, page=page)


def test_a_press_that_news_come_into_is_still_a_click(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    box = chat.launcher.bounding_box()
    page.mouse.move(box["x"] + 28, box["y"] + 28)
    page.mouse.down()
    backend.say(session, "News", **AGENT_SAYS)
    expect(chat.badge).to_be_visible()
    page.mouse.up()
    expect(chat.panel).to_be_visible()


def test_the_page_opens_and_closes_the_chat_without_the_focus(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    page.locator("#search").focus()
    page.evaluate("opportune('open')")
    expect(chat.panel).to_be_visible()
    assert chat.focused() == "search"
    page.evaluate("opportune('close')")
    expect(chat.panel).to_be_hidden()
    assert chat.focused() == "search"


def test_words_are_sent_by_enter_and_lines_broken_by_shift_enter(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.press_sequentially("How long")
    chat.words.press("Shift+Enter")
    chat.words.press_sequentially("is the delivery?")
    chat.words.press("Enter")
    expect(chat.words).to_have_value("")
    expect(chat.log).to_contain_text("Most parcels arrive within two days.")
    said = [one["text"] for one in backend.messages(session) if one["from"] == "visitor"]
    assert said == ["How long\nis the delivery?"]


def test_keys_in_the_chat_do_not_reach_the_shortcuts_of_the_page(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    page.evaluate("window.heard = []; addEventListener('keydown', e => heard.push(e.key))")
    chat.launcher.click()
    chat.words.press_sequentially("s/")
    assert page.evaluate("heard") == []


def test_a_slot_is_chosen_and_booked(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    chat.reply("Book a fitting").click()
    slots = chat.panel.locator(".picker .reply")
    expect(slots).to_have_count(6)
    shot(page, "slots")
    slots.first.click()
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail or phone").fill("nobody")
    page.get_by_role("button", name="Book", exact=True).click()
    assert backend.call("GET", "/v1/appointments") == []
    page.get_by_label("E-mail or phone").fill("ann@acme.example")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(chat.said.filter(has_text="✓")).to_have_count(1)
    expect(chat.panel.locator(".picker")).to_be_hidden()
    (booked,) = backend.call("GET", "/v1/appointments")
    assert booked["customer"]["email"] == "ann@acme.example"
    backend.call("POST", f"/v1/appointments/{booked['appointment_id']}/cancel", {})


def test_a_slot_that_is_gone_leaves_a_fresh_choice(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/", body=BODY + snippet())
    chat, _ = approached(page, witness, backend, address)
    chat.reply("Book a fitting").click()
    slots = chat.panel.locator(".picker .reply")
    expect(slots).to_have_count(6)
    slots.first.click()
    free = backend.call("GET", "/v1/appointments/availability")["slots"]
    customer = {"name": "Ben", "phone": "+14165551234"}
    wish = {"appointment_slot": free[0]["appointment_slot"], "customer": customer}
    backend.call("POST", "/v1/appointments", wish)
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("E-mail or phone").fill("+1 416 555 9876")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(chat.panel).to_contain_text("No longer free. Choose another time")
    expect(slots).to_have_count(5)
    expect(slots.first).to_be_focused()


def test_a_call_shows_a_number_that_can_be_dialled(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("How long is the delivery?")
    chat.words.press("Enter")
    chat.reply("Call me").click()
    link = chat.panel.locator("a.reply")
    expect(link).to_have_attribute("href", "tel:+14165559999")


def test_a_reply_opens_a_page_of_the_site_and_is_stored(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    guide = pages.put("/guide", body="<h1>Guide</h1>" + snippet())
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("How long is the delivery?")
    chat.words.press("Enter")
    chat.reply("See the guide").click()
    page.wait_for_url(guide)
    said = [one["text"] for one in backend.messages(session) if one["from"] == "visitor"]
    assert said[-1] == "See the guide"


def test_a_person_who_takes_over_is_named(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("How long is the delivery?")
    chat.words.press("Enter")
    expect(chat.log).to_contain_text("Most parcels")
    backend.say(session, "I am Anna. How can I help?", **AGENT_SAYS)
    expect(chat.log).to_contain_text("Anna is here")
    expect(chat.log).to_contain_text("I am Anna. How can I help?")
    chat.launcher.click()
    backend.say(session, "Are you there?", **AGENT_SAYS)
    expect(chat.badge).to_have_text("1")


def test_the_end_of_a_session_is_said(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("How long is the delivery?")
    chat.words.press("Enter")
    expect(chat.log).to_contain_text("Most parcels")
    backend.call("POST", f"/v1/live-chat/sessions/{session}/close", {})
    expect(chat.log).to_contain_text("This chat has ended")


def test_pieces_of_an_answer_grow_in_their_place(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sockets: list[WebSocketRoute] = []

    def route(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(lambda _: True, route)
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("How long is the delivery?")
    chat.words.press("Enter")
    expect(chat.log).to_contain_text("Most parcels")
    sockets[-1].send('{"type":"typing","from":"assistant","state":true}')
    expect(chat.said.last).to_have_text("•••")
    sockets[-1].send('{"type":"delta","id":"msg_x","text":"Most tents "}')
    sockets[-1].send('{"type":"delta","id":"msg_x","text":"are dry."}')
    expect(chat.said.filter(has_text="Most tents are dry.")).to_have_count(1)


def test_who_waits_for_a_person_is_told_how_long(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    line = chat.panel.locator(".note[role=status]")
    for wait_s, minutes in ((150, "3"), (0, "1")):
        sender.event("session_status", status="queued", estimated_wait=wait_s)
        expect(line).to_have_text(f"In the queue, about {minutes} min")
    sender.event("session_status", status="active")
    expect(line).to_have_text("")


def test_a_page_that_is_printed_is_printed_without_the_chat(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    page.emulate_media(media="print")
    expect(chat.launcher).to_be_hidden()
    page.emulate_media(media="screen")
    expect(chat.launcher).to_be_visible()


def test_a_page_that_replaces_its_body_keeps_the_chat(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    chat.launcher.click()
    chat.words.fill("not sent yet")
    for replace in (
        "document.body.replaceWith(document.createElement('body'))",
        "document.body.replaceChildren()",
    ):
        page.evaluate(replace)
        expect(chat.words).to_have_value("not sent yet")
    assert page.locator("opportune-chat").count() == 1


def test_a_site_in_another_language_is_spoken_to_in_it(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness, shot: Shot
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    for locale, write, direction in (
        ("de-AT", "Nachricht schreiben", "ltr"),
        ("fr", "Écrire un message", "ltr"),
        ("ar-EG", "اكتب رسالة", "rtl"),
        ("xx-pseudo", "Write a message", "ltr"),
    ):
        page.evaluate("code => opportune('locale', code)", locale)
        if not chat.panel.is_visible():
            chat.launcher.click()
        expect(chat.words).to_have_attribute("placeholder", write)
        root = page.locator("opportune-chat .root")
        expect(root).to_have_attribute("dir", direction)
        shot(page, f"locale_{locale}")


def test_right_to_left_mirrors_the_chat(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    chat, _ = met(page, witness, pages.put("/", body=BODY + snippet()))
    page.evaluate("opportune('locale', 'he')")
    expect(page.locator("opportune-chat .root")).to_have_attribute("dir", "rtl")
    chat.launcher.click()
    close = chat.panel.get_by_role("button", name="סגירה").bounding_box()
    panel = chat.panel.bounding_box()
    assert close["x"] < panel["x"] + panel["width"] / 2
    assert chat.launcher.bounding_box()["x"] > 900


def test_a_strict_content_security_policy_is_kept(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page()
    server = backend.address
    policy = (
        f"default-src 'self'; style-src 'self'; script-src {server}; trusted-types 'none';"
        f" connect-src {server} {server.replace('http', 'ws')};"
        " require-trusted-types-for 'script'"
    )
    address = pages.put("/", body=BODY + snippet(), headers={"Content-Security-Policy": policy})
    chat, _ = approached(page, witness, backend, address)
    chat.reply("Book a fitting").click()
    expect(chat.panel.locator(".picker .reply")).to_have_count(6)
    assert chat.launcher.bounding_box()["width"] == 56
