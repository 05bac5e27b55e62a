"""Pages that treat whatever they include badly: the card comes, the page works, and nothing of ours fails in it."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.backend import CONFIG, TOKEN, WIDGET, Backend, serving, until
from tests.browser.chat import Chat
from tests.browser.conftest import Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

SPOKEN = "Hi there! Can I help you with the offer?"
ANSWERED = "Yes: it leaves today when you order before four."
OWN = "the page's own"
"""What a page throws itself; whatever else is thrown fails the test."""

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
BODY = "<h1>Offer</h1><button id=buy onclick='window.bought = true'>Buy</button>"

THROWING = f"""
const fail = () => {{ throw new Error("{OWN}") }};
const names = "visibilitychange scroll click keydown keyup focusin pointermove pagehide popstate input submit";
for (const name of names.split(" ")) {{
  document.addEventListener(name, fail);
  window.addEventListener(name, fail, true);
}}
for (const name of ["ready", "message", "displayed", "reply", "dismissed"]) {{
  document.addEventListener("opportune:" + name, fail);
}}
"""
PATCHED = """
const { fetch: ask, Promise: Native } = window;
window.fetch = async (...given) => { await null; return ask(...given) };
window.Promise = class extends Native { then(...given) { return super.then(...given) } };
const { stringify, parse } = JSON;
JSON.stringify = (...given) => stringify(...given);
JSON.parse = (...given) => parse(...given);
for (const name of Object.keys(console)) console[name] = () => { throw new Error("no console") };
const { addEventListener } = EventTarget.prototype;
EventTarget.prototype.addEventListener = function (...given) { return addEventListener.apply(this, given) };
"""
FROZEN = """
const languages = [Object, Function, Array, Promise];
for (const one of [...languages, EventTarget, Node, Element, HTMLElement, Event, History, Storage]) {
  Object.freeze(one.prototype);
  Object.freeze(one);
}
Object.freeze(history);
Object.freeze(JSON);
"""
ADDED = """
for (const name of ["each", "first", "last", "without", "clone"]) Array.prototype[name] = function () { return this };
Object.prototype.inherited = function () {};
Function.prototype.bind = function (self) { const work = this; return (...given) => work.apply(self, given) };
Array.from = (list) => Array.prototype.slice.call(list);
window.$ = window.$$ = window.$A = (value) => value;
"""
TAKEN = "window.opportune = 5; window.chat = window.widget = window.token = window.kept = 'taken';"
WITHOUT_SOCKETS = "window.WebSocket = undefined;"
THROWING_SOCKETS = (
    "window.WebSocket = function () { throw new DOMException('no', 'SecurityError') };"
)
WITHOUT_MODERN = """
for (const name of ["BroadcastChannel", "requestIdleCallback", "navigation"]) delete window[name];
Object.defineProperty(navigator, "locks", { value: undefined });
delete AbortSignal.timeout;
"""


def _works(page: Page, chat: Chat) -> None:
    """Answer the card, and use what is the page's own."""
    expect(chat.card).to_contain_text(SPOKEN)
    chat.reply("Is it in stock?").click()
    expect(chat.log).to_contain_text(ANSWERED)
    page.click("#buy")
    assert page.evaluate("window.bought") is True


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(THROWING, id="throws in every listener"),
        pytest.param(PATCHED, id="patches what everybody uses"),
        pytest.param(FROZEN, id="freezes prototypes"),
        pytest.param(ADDED, id="adds to prototypes"),
        pytest.param(TAKEN, id="has taken the name"),
        pytest.param(WITHOUT_SOCKETS, id="has no sockets"),
        pytest.param(THROWING_SOCKETS, id="refuses sockets"),
        pytest.param(WITHOUT_MODERN, id="is of an old browser"),
    ],
)
def test_a_card_comes_and_is_answered_on_a_page_that(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness, script: str
) -> None:
    witness.allow(OWN)
    head = f"<script>{{{script}}}</script>" + snippet()
    page.goto(pages.put("/offer", head=head, body=BODY))
    _works(page, Chat(page))


def test_a_page_whose_console_throws_is_not_told_of_a_wrong_token(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("401")
    head = f"<script>{{{PATCHED}}}</script>" + snippet(token="wk_nobodys")
    with page.expect_response("**/session"):
        page.goto(pages.put("/offer", head=head, body=BODY))
    page.wait_for_timeout(300)
    page.click("#buy")
    assert page.evaluate("window.bought") is True


@pytest.mark.parametrize(
    "style",
    [
        pytest.param("* { all: unset !important }", id="all unset"),
        pytest.param(
            "body * { all: unset !important; display: none !important }", id="nothing shown"
        ),
        pytest.param(
            "div, section, button, body > * { z-index: 1; opacity: 0; transform: scale(9) }",
            id="names",
        ),
    ],
)
def test_no_style_of_a_page_reaches_the_card(
    page: Page, pages: Pages, snippet: Snippet, style: str
) -> None:
    head = f"<style>{style}</style>" + snippet()
    page.goto(pages.put("/offer", head=head, body=BODY))
    chat = Chat(page)
    expect(chat.card).to_be_visible()
    page.wait_for_timeout(300)
    box, launcher = chat.card.bounding_box(), chat.launcher.bounding_box()
    assert box is not None
    assert launcher is not None
    assert 250 < box["width"] <= 360
    assert (launcher["width"], launcher["height"]) == (56, 56)
    chat.reply("Is it in stock?").click()
    expect(chat.log).to_contain_text(ANSWERED)


def test_a_card_stands_above_what_a_page_lays_over_itself(
    page: Page, pages: Pages, snippet: Snippet
) -> None:
    over = "<div style='position:fixed;inset:0;z-index:99999999;background:#fffa'>A banner</div>"
    page.goto(pages.put("/offer", head=snippet(), body=BODY + over))
    chat = Chat(page)
    chat.reply("Is it in stock?").click()
    expect(chat.log).to_contain_text(ANSWERED)


def test_a_page_that_writes_itself_anew_has_the_card_all_the_same(
    page: Page, pages: Pages, snippet: Snippet
) -> None:
    page.goto(pages.put("/offer", head=snippet(), body="<h1>Before</h1>"))
    chat = Chat(page)
    expect(chat.launcher).to_be_visible()
    page.evaluate(
        "body => { document.open(); document.write('<!doctype html><body>' + body); document.close() }",
        BODY,
    )
    _works(page, chat)


def test_a_page_that_is_allowed_nothing_but_the_documented_directives_has_the_card(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet
) -> None:
    server = backend.address
    policy = (
        f"default-src 'self'; script-src 'self' {server}; "
        f"connect-src 'self' {server} {server.replace('http', 'ws')}; "
        "trusted-types 'none'; require-trusted-types-for 'script'"
    )
    pages.put_file(
        "/own.js", b"buy.addEventListener('click', () => { bought = true })", "text/javascript"
    )
    body = "<h1>Offer</h1><button id=buy>Buy</button><script src=/own.js></script>"
    headers = {"Content-Security-Policy": policy}
    page.goto(pages.put("/offer", head=snippet(), body=body, headers=headers))
    _works(page, Chat(page))


@pytest.mark.parametrize("is_let_in", [True, False])
def test_where_a_page_lets_no_picture_in_the_name_s_first_letter_stands_for_the_logo(
    page: Page, pages: Pages, witness: Witness, tmp_path: Path, is_let_in: bool
) -> None:
    witness.allow("Content Security Policy")
    pages.put_file("/logo.svg", LOGO, "image/svg+xml")
    logo = pages.address + "/logo.svg"
    config = CONFIG.replace("greeting =", f'logo = "{logo}"\n  greeting =')
    policy = f"img-src {pages.address if is_let_in else 'none.example'}"
    with serving(tmp_path, (pages.address,), config) as server:
        tag = f'<script async src="{server.address}/widget.js" data-widget="{WIDGET}"'
        head = f'{tag} data-token="{TOKEN}"></script>'
        headers = {"Content-Security-Policy": policy}
        page.goto(pages.put("/logo", head=head, headers=headers))
        chat = Chat(page)
        chat.launcher.click()
        picture = chat.panel.locator("img.avatar")
        if is_let_in:
            expect(picture).to_have_js_property("naturalWidth", 8)
        else:
            expect(picture).to_have_count(0)
            expect(chat.panel.locator(".avatar")).to_have_text("F")


def test_a_page_in_a_sandbox_works_and_its_owner_is_told_once(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("CORS|ERR_FAILED|opportune: no answer")
    pages.put("/offer", head=snippet(), body=BODY)
    page.goto(pages.put("/", body="<iframe sandbox='allow-scripts' src='/offer'></iframe>"))
    told = "opportune: no answer"
    until(lambda: [text for _, text in witness.console if text.startswith(told)], page=page)
    page.frame_locator("iframe").locator("#buy").click()
    assert page.frames[1].evaluate("window.bought") is True
    assert len([text for _, text in witness.console if text.startswith("opportune:")]) == 1


@pytest.mark.parametrize(
    "work",
    [
        pytest.param("opportune('reset'); location.assign('/second')", id="session"),
        pytest.param(
            "opportune('reset');"
            "document.addEventListener('opportune:ready', () => location.assign('/second'))",
            id="socket",
        ),
    ],
)
def test_a_page_that_goes_while_it_still_connects_leaves_no_line_in_the_console(
    page: Page, pages: Pages, snippet: Snippet, work: str
) -> None:
    first, second = pages.put("/first", head=snippet()), pages.put("/second", head=snippet())
    for _ in range(3):
        page.goto(first)
        expect(Chat(page).launcher).to_be_visible()
        page.evaluate(work)
        page.wait_for_url(second)
    expect(Chat(page).launcher).to_be_visible()


def test_calls_of_a_stub_that_a_page_kept_are_heard_once_the_widget_is_there(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    stub = (
        f"<script src='{backend.address}/stub.js'></script><script>const kept = opportune</script>"
    )
    page.goto(pages.put("/kept", head=stub + snippet()))
    expect(Chat(page).launcher).to_be_visible()
    page.evaluate("kept('track', 'late')")
    visitor = str(witness.started()["visitorId"])
    until(lambda: backend.events(visitor, "late"), page=page)


def test_a_reset_before_the_widget_is_ready_begins_one_visitor_whose_page_is_known(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    early = f"<script src='{backend.address}/stub.js'></script><script>opportune('reset')</script>"
    page.goto(pages.put("/early", head=early + snippet()))
    until(lambda: witness.sessions, page=page)
    visitor = str(witness.started()["visitorId"])
    until(lambda: backend.events(visitor, "view"), page=page)
    page.wait_for_timeout(300)
    assert len(witness.sessions) == 1
