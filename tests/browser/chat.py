"""The chat as a visitor finds it on a page, and what tests do with it again and again."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.backend import Backend, until
from tests.browser.witness import Witness

REPLIES = [
    {"text": "Tell me more", "action": "say", "payload": "It is dry, light and quiet."},
    {"text": "Book a fitting", "action": "schedule"},
    {"text": "Not now", "action": "dismiss"},
]
FOCUSED = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  return (at?.id || at?.className || at?.tagName) ?? "";
}"""


@dataclass(slots=True)
class Chat:
    """The widget of one page."""

    page: Page

    @property
    def card(self) -> Locator:
        """Return the proactive card, or its one line."""
        return self.page.locator("opportune-chat .card")

    @property
    def panel(self) -> Locator:
        """Return the open chat."""
        return self.page.locator("opportune-chat .panel")

    @property
    def log(self) -> Locator:
        """Return what was said."""
        return self.page.locator("opportune-chat .log")

    @property
    def said(self) -> Locator:
        """Return what can be read in the open chat, bubble by bubble."""
        return self.page.locator("opportune-chat .row:visible .bubble")

    @property
    def launcher(self) -> Locator:
        """Return the round button."""
        return self.page.locator("opportune-chat .launcher")

    @property
    def badge(self) -> Locator:
        """Return the number on the button."""
        return self.page.locator("opportune-chat .badge")

    @property
    def words(self) -> Locator:
        """Return where the visitor writes."""
        return self.page.locator("opportune-chat textarea")

    def reply(self, text: str) -> Locator:
        """Return a quick reply that can be seen."""
        return self.page.get_by_role("button", name=text, exact=True)

    def focused(self) -> str:
        """Return the id, class or tag of what has the focus, also inside the chat."""
        return str(self.page.evaluate(FOCUSED))


def met(page: Page, witness: Witness, address: str) -> tuple[Chat, str]:
    """Open a page, wait for the chat, and return it with its session's id."""
    known = len(witness.sessions)
    page.goto(address)
    chat = Chat(page)
    expect(chat.launcher).to_be_visible()
    until(lambda: len(witness.sessions) > known, page=page)
    return chat, str(witness.started()["chatSessionId"])


def approached(
    page: Page, witness: Witness, backend: Backend, address: str, text: str = "May I help?"
) -> tuple[Chat, str]:
    """Open a page and let the company speak first; returns the chat and the message's id."""
    chat, session = met(page, witness, address)
    message_id = backend.send(session, text, quick_replies=REPLIES)
    expect(chat.card).to_contain_text(text)
    return chat, message_id


def becomes(page: Page, backend: Backend, message_id: str, **wanted: str) -> None:
    """Wait until a message's progress says what is wanted of it."""
    until(lambda: wanted.items() <= backend.progress(message_id).items(), page=page)
