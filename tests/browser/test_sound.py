"""The sound of a message: only where it is asked for, only where the visitor has touched the page, and once."""

from playwright.sync_api import Page, expect

from tests.browser.backend import Backend
from tests.browser.chat import REPLIES, met
from tests.browser.conftest import Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

BODY = '<h1>Tents</h1><button id="buy">Buy</button>'
COUNTING = """
window.sounds = 0;
const Native = window.AudioContext;
window.AudioContext = class extends Native {
  createOscillator() {
    const made = super.createOscillator();
    const start = made.start.bind(made);
    made.start = () => { sounds += 1; start(); };
    return made;
  }
};
"""
# What a test asks of a page counts as the visitor's touch.
UNTOUCHED = "Object.defineProperty(navigator, 'userActivation', {value: {hasBeenActive: false}});"


def spoken(page: Page, backend: Backend, session: str, text: str, *, sound: bool) -> None:
    """Send a message, and wait until its card is on screen."""
    backend.send(session, text, quick_replies=REPLIES, options={"sound": sound})
    expect(page.locator("opportune-chat .card")).to_contain_text(text)
    page.locator("opportune-chat .card .close").click()
    # The policy's pause after a dismissal; a sound has been made by then.
    page.wait_for_timeout(1_200)


def test_a_message_that_asks_for_a_sound_is_heard_once(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(COUNTING)
    _, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    page.locator("#buy").click()
    spoken(page, backend, session, "Quiet", sound=False)
    assert page.evaluate("sounds") == 0
    assert witness.requests("/sound.js") == []
    spoken(page, backend, session, "Loud", sound=True)
    assert page.evaluate("sounds") == 1
    spoken(page, backend, session, "Loud again", sound=True)
    assert page.evaluate("sounds") == 2


def test_a_page_that_nobody_touched_stays_silent(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(COUNTING + UNTOUCHED)
    _, session = met(page, witness, pages.put("/", body=BODY + snippet()))
    spoken(page, backend, session, "Loud", sound=True)
    assert len(witness.requests("/sound.js")) == 1
    assert page.evaluate("sounds") == 0
