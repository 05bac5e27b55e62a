"""No text that anybody sends to a visitor is ever run, in whichever place it is shown."""

from playwright.sync_api import Page, expect

from tests.browser.backend import CONFIG, Backend, serving, until
from tests.browser.chat import Chat, met
from tests.browser.conftest import Snippet
from tests.browser.hostile_texts import HOSTILE
from tests.browser.pages import Pages
from tests.browser.sender import Sender
from tests.browser.witness import Witness

BODY = "<h1>Tents</h1><script>window.hits = 0; window.hacked = () => { hits++ }</script>"
AGAIN = "2099-01-01T00:00:00Z"


AT_ONCE = 30
"""Fewer than a chat keeps, whatever comes with each."""


ENTRIES_MAX, GREETING_AND_DOTS = 200, 2


def _reply(text: str, **more: str) -> dict[str, str]:
    return {"text": text, "value": text, "action": "say", **more}


def test_the_corpus_is_large_enough() -> None:
    assert len(set(HOSTILE)) >= 60


def test_hostile_texts_stay_texts_in_what_is_said(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", head=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    for first in range(0, len(HOSTILE), AT_ONCE):
        texts = HOSTILE[first : first + AT_ONCE]
        for text in texts:
            opens = _reply("x", action="open", url=text)
            sender.message(text=text, quick_replies=[_reply(text), opens])
            sender.event("handoff", team=text, agent_name=text)
            sender.event("action", action="call", phone_number=text)
        expect(chat.log.locator("a.reply bdi").last).to_have_text(texts[-1])
        shown = chat.log.locator(".row.assistant .bubble").all_text_contents()
        assert set(texts) <= set(shown)
        labels = chat.log.locator(".replies .reply").all_text_contents()
        assert set(texts) <= set(labels)
        assert set(_addresses(page)) <= {"http:", "https:", "tel:"}
    _press_everything(chat)
    assert page.evaluate("hits") == 0


def test_hostile_texts_stay_texts_in_slots(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", head=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    for text in HOSTILE:
        slot = {"appointment_slot": text, "end": text, "date": text, "time": text, "available": 1}
        sender.event("action", action="schedule", timezone=text, calendar_id=text, slots=[slot])
        sender.event("appointment_scheduled", appointment_id=text, date=text, time=text)
        sender.event("action", action="schedule", timezone=text, calendar_id=text, slots=[slot])
    expect(chat.log.locator(".row")).to_have_count(ENTRIES_MAX + GREETING_AND_DOTS)
    expect(chat.log.locator(".picker .reply").last).to_have_text(HOSTILE[-1])
    assert page.evaluate("hits") == 0


def test_hostile_texts_stay_texts_in_cards_and_their_bubbles(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    chat, _ = met(page, witness, pages.put("/", head=BODY + snippet()))
    until(lambda: sender.epoch, page=page)
    for number, text in enumerate(HOSTILE):
        display = "bubble" if number % 2 else "card"
        fields = {"kind": "proactive", "expires_at": AGAIN, "display": display}
        sender.message(text=text, quick_replies=[_reply(text)], **fields)
        expect(chat.card).to_contain_text(text.strip()[:10])
        chat.card.get_by_role("button", name="Close").click()
        expect(chat.card).to_have_count(0)
    assert page.evaluate("hits") == 0


def test_a_hostile_site_name_greeting_and_logo_stay_texts(
    page: Page, pages: Pages, witness: Witness, tmp_path: object
) -> None:
    hostile = "<img src=x onerror=hacked()>"
    config = CONFIG.replace('"Hi! What can we help you with?"', f"'{hostile}'")
    config = config.replace('name = "Fernwood Outfitters"', f"name = '{hostile}'")
    with serving(tmp_path, (pages.address,), config) as server:
        tag = f'<script async src="{server.address}/widget.js" data-widget="ws_shop"'
        head = f'{BODY}{tag} data-token="wk_shop"></script>'
        chat, _ = met(page, witness, pages.put("/", head=head))
        chat.launcher.click()
        expect(chat.panel.locator(".name")).to_have_text(hostile)
        expect(chat.said).to_have_text([hostile])
        assert page.evaluate("hits") == 0


def test_an_address_that_is_no_page_is_not_opened(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    sender = Sender(page)
    address = pages.put("/", head=BODY + snippet())
    chat, _ = met(page, witness, address)
    until(lambda: sender.epoch, page=page)
    chat.launcher.click()
    for url in (
        "javascript:hacked()",
        "//evil.example",
        "/\t/evil.example",
        "data:text/html,x",
        "ftp://x.example",
    ):
        sender.message(text=url, quick_replies=[_reply("Open it", action="open", url=url)])
    expect(chat.log.locator(".replies .reply")).to_have_count(5)
    page.evaluate(
        """() => {
          const root = document.querySelector("opportune-chat").shadowRoot;
          for (const button of root.querySelectorAll(".replies .reply")) button.click();
        }"""
    )
    # Longer than a page of the site may take to open.
    page.wait_for_timeout(1_800)
    assert page.url == address
    assert len(page.context.pages) == 1
    assert page.evaluate("hits") == 0


def _addresses(page: Page) -> list[str]:
    return list(page.locator("opportune-chat a").evaluate_all("all => all.map(a => a.protocol)"))


def _press_everything(chat: Chat) -> None:
    """Point at every link and press every reply, without leaving the page."""
    chat.page.evaluate(
        """() => {
          const root = document.querySelector("opportune-chat").shadowRoot;
          window.open = () => null;
          for (const link of root.querySelectorAll("a")) link.dispatchEvent(new MouseEvent("mouseover"));
          for (const button of root.querySelectorAll(".reply:not(a)")) button.click();
        }"""
    )
    chat.page.wait_for_timeout(500)
