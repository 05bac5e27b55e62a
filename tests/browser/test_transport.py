"""How the widget reaches the server, and what it keeps and forgets meanwhile."""

import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, Route, WebSocket

from tests.browser.backend import ASKING_TOKEN, Backend, until
from tests.browser.conftest import OpenPage, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

Row = dict[str, Any]

PRIVATE = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
KEPT = "JSON.stringify([Object.entries(sessionStorage), Object.entries(localStorage)])"
NOTHING = "[[],[]]"


def begun(page: Page, witness: Witness, address: str) -> str:
    """Open a page with the snippet and wait for its session; returns the visitor's id."""
    page.goto(address)
    until(lambda: witness.sessions, page=page)
    return str(witness.started()["visitorId"])


def stored(page: Page, backend: Backend, visitor: str, name: str, count: int = 1) -> list[Row]:
    """Wait until so many events of a name are stored, and return them."""

    def look() -> list[Row]:
        found = backend.events(visitor, name)
        return found if len(found) >= count else []

    return until(look, page=page)


def numbers(events: list[Row]) -> list[int]:
    return [event["properties"]["n"] for event in events]


def frames_of(page: Page) -> list[Row]:
    """Collect the frames that a page's sockets send from now on."""
    sent: list[Row] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framesent", lambda text: sent.append(msgspec.json.decode(text)))

    page.on("websocket", follow)
    return sent


def without_sockets(page: Page) -> None:
    page.route_web_socket("**/v1/sessions/*", lambda socket: socket.close())


# ---- sessions


def test_the_next_page_goes_on_without_asking_for_the_session(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/one", head=snippet()))
    stored(page, backend, visitor, "view")
    page.goto(pages.put("/two", head=snippet()))
    stored(page, backend, visitor, "view", 2)
    assert len(witness.requests("/session")) == 1


def test_another_tab_is_in_the_same_session(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/tabs", head=snippet()))
    stored(page, backend, visitor, "view")
    other = page.context.new_page()
    other.goto(pages.address + "/tabs")
    views = stored(page, backend, visitor, "view", 2)
    assert len({view["session_id"] for view in views}) == 1
    assert len({view["event_id"][:8] for view in views}) == 2
    assert len(witness.requests("/session")) == 1


def test_reset_makes_a_new_visitor_in_all_tabs(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/tabs", head=snippet()))
    stored(page, backend, visitor, "view")
    other = page.context.new_page()
    other.goto(pages.address + "/tabs")
    stored(page, backend, visitor, "view", 2)
    page.evaluate("opportune('reset')")
    until(lambda: len(witness.sessions) >= 2, page=page)
    another = str(witness.started()["visitorId"])
    assert another != visitor
    assert len(stored(page, backend, another, "view", 2)) == 2


def test_a_proof_makes_the_visitor_a_known_user_once(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    secret = b"an identity secret that is long enough"
    proof = hmac.new(secret, b"u-7", hashlib.sha256).hexdigest()
    call = f"<script>opportune('identify', 'u-7', {{plan: 'pro'}}, {{hash: '{proof}'}})</script>"
    stub = (
        "<script>window.opportune=function(){(opportune.q=opportune.q||[])"
        ".push([arguments,location.href,Date.now()])}</script>"
    )
    visitor = begun(page, witness, pages.put("/known", head=stub + call + snippet()))
    until(
        lambda: [e for e in backend.events(visitor, "identify") if e.get("origin") == "api"],
        page=page,
    )
    page.goto(pages.put("/known/2", head=stub + call + snippet()))
    stored(page, backend, visitor, "view", 2)
    assert len(witness.requests("/session")) == 1


# ---- nothing is lost, nothing comes twice


def test_what_happens_offline_is_told_afterwards_once_and_in_order(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("ERR_INTERNET_DISCONNECTED|opportune: no answer")
    visitor = begun(page, witness, pages.put("/offline", head=snippet()))
    page.evaluate("opportune('track', 'step', {n: 0})")
    stored(page, backend, visitor, "step")
    page.context.set_offline(offline=True)
    for n in range(1, 6):
        page.evaluate("n => opportune('track', 'step', {n})", n)
        page.wait_for_timeout(300)
    page.context.set_offline(offline=False)
    stored(page, backend, visitor, "step", 6)
    page.wait_for_timeout(500)
    assert numbers(backend.events(visitor, "step")) == list(range(6))


def test_after_a_restart_the_socket_goes_on_where_it_was(
    page: Page, pages: Pages, own_backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("WebSocket|ERR_CONNECTION|opportune: no answer")
    sent = frames_of(page)
    visitor = begun(page, witness, pages.put("/restart", head=snippet()))
    session = witness.started()["chatSessionId"]
    stored(page, own_backend, visitor, "view")
    own_backend.send(session, "before the restart")
    page.wait_for_function(
        "document.querySelector('opportune-chat')?.shadowRoot.textContent.includes('before')"
    )
    own_backend.kill()
    page.evaluate("opportune('track', 'step', {n: 1})")
    own_backend.start()
    assert numbers(stored(page, own_backend, visitor, "step")) == [1]

    def resumed() -> list[Row]:
        return [frame for frame in sent if frame["type"] == "auth"][1:]

    until(resumed, page=page)
    assert "resume" not in sent[0]
    assert resumed()[-1]["resume"]["offset"] >= 1
    assert resumed()[-1]["visible"] is True


def test_a_queue_without_room_drops_the_oldest_and_says_how_many(
    page: Page, pages: Pages, own_backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("WebSocket|ERR_CONNECTION|opportune: no answer")
    visitor = begun(page, witness, pages.put("/full", head=snippet()))
    stored(page, own_backend, visitor, "view")
    own_backend.kill()
    page.wait_for_timeout(200)
    page.evaluate("for (let n = 0; n < 130; n++) opportune('track', 'step', {n})")
    page.evaluate("opportune('track', 'large', {n: 0, text: 'é'.repeat(5000)})")
    own_backend.start()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    stored(page, own_backend, visitor, "large")
    steps = own_backend.events(visitor, "step")
    assert numbers(steps)[-1] == 129
    assert len(steps) == 99
    said = [
        event["properties"]["dropped_events"]
        for event in steps
        if "dropped_events" in event["properties"]
    ]
    assert sum(said) <= 31
    assert said[-1:] == [1]


# ---- no socket


def test_without_a_socket_events_go_by_http_and_messages_come(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    without_sockets(page)
    visitor = begun(page, witness, pages.put("/offer", head=snippet()))
    stored(page, backend, visitor, "view")
    chat = "document.querySelector('opportune-chat')?.shadowRoot.textContent"
    page.wait_for_function(f"{chat}?.includes('Can I help you with the offer?')")
    until(lambda: backend.events(visitor, "message_displayed"), page=page)


# ---- consent


def test_before_consent_nothing_is_asked_and_nothing_kept(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    asking = snippet(token=ASKING_TOKEN, consent="required")
    page.goto(pages.put("/asking", head=asking))
    page.wait_for_function("opportune.isLoaded")
    page.evaluate("opportune('track', 'too_early'); opportune('set', {'cart.total': 5})")
    page.wait_for_timeout(400)
    assert not witness.requests("/api/")
    assert page.evaluate(KEPT) == NOTHING
    page.evaluate("opportune('consent', 'granted')")
    until(lambda: witness.sessions, page=page)
    visitor = str(witness.started()["visitorId"])
    stored(page, backend, visitor, "view")
    assert stored(page, backend, visitor, "set", 2)[-1]["attributes"] == {"cart.total": 5}
    assert not backend.events(visitor, "too_early")
    assert visitor in page.evaluate("JSON.stringify(Object.values(localStorage))")


def test_a_grant_is_remembered_for_the_next_visit(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page()
    asking = snippet(token=ASKING_TOKEN, consent="required")
    page.goto(pages.put("/asking", head=asking))
    page.evaluate("opportune('consent', 'granted')")
    until(lambda: witness.sessions, page=page)
    visitor = str(witness.started()["visitorId"])
    stored(page, backend, visitor, "view")
    later = page.context.new_page()
    page.close()
    later.goto(pages.address + "/asking")
    stored(later, backend, visitor, "view", 2)


def test_a_denial_erases_all_and_ends_the_chat(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/deny", head=snippet()))
    stored(page, backend, visitor, "view")
    page.evaluate("opportune('consent', true); opportune('consent', 'granted')")
    page.wait_for_function("localStorage.length == 1")
    page.evaluate("opportune('consent', 'denied')")
    told = [state["properties"]["state"] for state in stored(page, backend, visitor, "consent", 2)]
    assert told[-1] == "denied"
    assert page.evaluate("sessionStorage['opportune:ws_shop']") == '{"consent":"denied"}'
    assert page.evaluate("localStorage.length") == 0
    asked = len(witness.requests("/api/"))
    page.evaluate("opportune('track', 'too_late')")
    page.goto(pages.put("/deny/2", head=snippet()))
    page.wait_for_timeout(400)
    assert len(witness.requests("/api/")) == asked


def test_a_denial_in_one_tab_is_one_in_all(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/deny", head=snippet()))
    stored(page, backend, visitor, "view")
    other = page.context.new_page()
    other.goto(pages.address + "/deny")
    stored(page, backend, visitor, "view", 2)
    page.evaluate("opportune('consent', 'denied')")
    other.wait_for_function("sessionStorage['opportune:ws_shop'] == '{\"consent\":\"denied\"}'")


def test_a_site_that_asks_for_consent_keeps_nothing_though_its_tag_forgot(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("403|The visitor has not given consent")
    page.goto(pages.put("/forgot", head=snippet(token=ASKING_TOKEN)))
    until(lambda: [text for _, text in witness.console if "consent" in text], page=page)
    assert page.evaluate(KEPT) == NOTHING
    page.evaluate("opportune('consent', 'granted')")
    until(lambda: witness.sessions, page=page)


def test_a_privacy_signal_of_the_browser_is_a_no_until_the_visitor_says_yes(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(PRIVATE)
    page.goto(pages.put("/private", head=snippet()))
    page.wait_for_timeout(400)
    assert not witness.requests("/api/")
    assert page.evaluate(KEPT) == NOTHING
    page.evaluate("opportune('consent', 'granted')")
    until(lambda: witness.sessions, page=page)


def test_a_site_may_say_that_it_does_not_follow_the_signal(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(PRIVATE)
    begun(page, witness, pages.put("/private", head=snippet(gpc="ignore")))


# ---- what an owner is told


def warnings(witness: Witness) -> list[str]:
    return [text for _, text in witness.console if text.startswith("opportune:")]


def test_a_wrong_token_is_told_once_with_what_to_do(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("401")
    page.goto(pages.put("/wrong", head=snippet(token="wk_nobodys")))
    until(lambda: warnings(witness), page=page)
    page.wait_for_timeout(300)
    [told] = warnings(witness)
    assert "401 Invalid widget token" in told
    assert "/docs" in told


def test_an_origin_that_is_not_listed_is_named(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("CORS|ERR_FAILED|opportune: no answer")
    pages.put("/foreign", head=snippet())
    page.goto(pages.foreign_address + "/foreign")
    until(lambda: warnings(witness), page=page)
    assert pages.foreign_address in warnings(witness)[0]


def test_a_server_that_is_away_harms_no_page(
    page: Page, pages: Pages, own_backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("ERR_CONNECTION|opportune: no answer")
    script = own_backend.folder / "widget.js"
    own_backend_script = page.request.get(own_backend.address + "/widget.js").body()
    assert own_backend_script, script
    own_backend.stop()
    page.route("**/widget.js", lambda route: route.fulfill(body=own_backend_script))
    heard = "<script>document.addEventListener('opportune:error', e => window.heard = e.detail)</script>"
    page.goto(pages.put("/away", head=heard + snippet(), body="<button>Buy</button>"))
    until(lambda: warnings(witness), page=page)
    page.click("button")
    assert page.evaluate("window.heard.status") == 0
    assert len(warnings(witness)) == 1


@pytest.mark.parametrize("storage", ["sessionStorage", "localStorage", "BroadcastChannel"])
def test_a_browser_that_gives_no_room_is_measured_all_the_same(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness, storage: str
) -> None:
    refuse = "{get() { throw new DOMException('no', 'SecurityError') }}"
    page.add_init_script(f"Object.defineProperty(window, '{storage}', {refuse})")
    begun(page, witness, pages.put("/blocked", head=snippet()))


def test_a_request_that_goes_with_its_page_is_nobodys_fault(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("ERR_FAILED")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/session", hold)
    page.goto(pages.put("/going", head=snippet()))
    until(lambda: held, page=page)
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    held[0].abort()
    until(lambda: [text for _, text in witness.console if "ERR_FAILED" in text], page=page)
    page.wait_for_timeout(100)
    assert warnings(witness) == []


def test_a_broken_record_is_no_record(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script("sessionStorage['opportune:ws_shop'] = '{\"queue\": 7, \"freshUntil\": '")
    begun(page, witness, pages.put("/broken", head=snippet()))
