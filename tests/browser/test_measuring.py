"""What the widget measures on a page, as the server has it stored."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.backend import Backend, until
from tests.browser.conftest import OpenPage, Snippet
from tests.browser.pages import Pages
from tests.browser.witness import Witness

Row = dict[str, Any]

TALL = '<div style="height:4000px">tents</div>'
STUB = (
    "window.opportune=window.opportune||function(){"
    "(opportune.q=opportune.q||[]).push([arguments,location.href,Date.now()])}"
)

# Stops while the page is hidden, and keeps what it shows when the page is left.
STOPWATCH = """
let seenMs = 0, sinceMs = performance.now();
const turn = () => {
  const nowMs = performance.now();
  if (sinceMs >= 0) seenMs += nowMs - sinceMs;
  sinceMs = document.hidden ? -1 : nowMs;
};
document.addEventListener("visibilitychange", turn);
addEventListener("pagehide", () => { turn(); sessionStorage.seenMs = seenMs });
"""


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


def hide(page: Page, *, hidden: bool = True) -> None:
    """Say that the tab was hidden or shown; a headless browser never does by itself."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", {value: hidden, configurable: true})
          document.dispatchEvent(new Event("visibilitychange"))
        }""",
        hidden,
    )


def properties(events: list[Row]) -> list[Row]:
    return [event.get("properties", {}) for event in events]


def test_a_page_view_is_stored_with_its_address_and_title(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    address = pages.put("/tents", head=snippet())
    visitor = begun(page, witness, address)
    view = stored(page, backend, visitor, "view")[0]
    assert view["page"] == {"url": address, "title": "/tents", "referrer": None}
    assert view["event_id"].endswith("-1")


@pytest.mark.parametrize("has_navigation", [True, False])
def test_a_change_of_address_is_another_page_with_the_title_that_follows(
    *,
    page: Page,
    pages: Pages,
    backend: Backend,
    snippet: Snippet,
    witness: Witness,
    has_navigation: bool,
) -> None:
    if not has_navigation:
        page.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    visitor = begun(page, witness, pages.put("/shop", head=snippet()))
    page.evaluate(
        "history.pushState({}, '', '/shop/tents'); setTimeout(() => document.title = 'Tents', 100)"
    )
    views = stored(page, backend, visitor, "view", 2)
    assert views[1]["page"]["url"] == pages.address + "/shop/tents"
    assert views[1]["page"]["title"] == "Tents"
    left = backend.events(visitor, "page_leave")
    assert [event["page"]["url"] for event in left] == [pages.address + "/shop"]


def test_a_hash_is_another_page_only_where_the_site_says_so(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/hash", head=snippet()))
    page.evaluate("location.hash = 'size'; history.pushState({}, '', '/other')")
    assert len(stored(page, backend, visitor, "view", 2)) == 2
    page.goto(pages.put("/routes", head=snippet(hash_routes="")))
    stored(page, backend, visitor, "view", 3)
    page.evaluate("location.hash = '/size'")
    views = stored(page, backend, visitor, "view", 4)
    assert views[-1]["page"]["url"] == pages.address + "/routes#/size"


def test_each_new_tenth_of_the_page_is_told_once(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.set_viewport_size({"width": 800, "height": 500})
    body = '<style>body{margin:0}</style><div style="height:5000px">tents</div>'
    visitor = begun(page, witness, pages.put("/long", head=snippet(), body=body))
    for top in (0, 600, 650, 100, 2_000, 4_500):
        page.evaluate("top => scrollTo(0, top)", top)
        page.wait_for_timeout(60)
    told = properties(stored(page, backend, visitor, "scroll", 3))
    assert told == [{"depth": 20}, {"depth": 50}, {"depth": 100}]


def test_a_page_that_grows_is_measured_anew(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.set_viewport_size({"width": 800, "height": 500})
    body = '<style>body{margin:0}</style><div id="d" style="height:1000px">tents</div>'
    visitor = begun(page, witness, pages.put("/growing", head=snippet(), body=body))
    page.evaluate("d.style.height = '10000px'")
    page.wait_for_timeout(100)
    page.evaluate("scrollTo(0, 1500)")
    assert properties(stored(page, backend, visitor, "scroll")) == [{"depth": 20}]


def test_visible_time_agrees_with_a_stopwatch_and_stops_while_hidden(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    head = f"<script>{STOPWATCH}</script>{snippet()}"
    visitor = begun(page, witness, pages.put("/watch", head=head))
    page.wait_for_timeout(300)
    hide(page)
    page.wait_for_timeout(700)
    hide(page, hidden=False)
    page.wait_for_timeout(200)
    page.goto(pages.put("/next"))
    seen_ms = float(page.evaluate("sessionStorage.seenMs"))
    dwell_ms = properties(stored(page, backend, visitor, "page_leave"))[0]["dwell_ms"]
    assert abs(dwell_ms - seen_ms) < 100
    assert len(backend.events(visitor, "hide")) == 1
    assert len(backend.events(visitor, "show")) == 1


def test_a_page_drawn_ahead_of_its_reader_begins_when_the_reader_comes(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(
        "Object.defineProperty(document, 'prerendering', {value: true, configurable: true})"
    )
    page.goto(pages.put("/ahead", head=snippet()))
    page.wait_for_timeout(800)
    assert witness.requests("/api/") == []
    page.evaluate(
        "Object.defineProperty(document, 'prerendering', {value: false});"
        "document.dispatchEvent(new Event('prerenderingchange'))"
    )
    until(lambda: witness.sessions, page=page)
    visitor = str(witness.started()["visitorId"])
    page.goto(pages.put("/after", head=snippet()))
    [left] = stored(page, backend, visitor, "page_leave")
    assert left["properties"]["dwell_ms"] < 700


def test_the_pointer_that_leaves_by_the_top_means_to_go_once_a_page(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/exit", head=snippet()))
    out = (
        "y => document.body.dispatchEvent(new MouseEvent('mouseout', {bubbles: true, clientY: y}))"
    )
    for y in (300, -1, -1):
        page.evaluate(out, y)
    page.evaluate("history.pushState({}, '', '/exit/2')")
    page.evaluate(out, -1)
    assert len(stored(page, backend, visitor, "exit_intent", 2)) == 2


def test_by_touch_a_return_soon_after_hiding_means_to_go(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page(has_touch=True, is_mobile=True)
    visitor = begun(page, witness, pages.put("/touch", head=snippet()))
    hide(page)
    hide(page, hidden=False)
    assert len(stored(page, backend, visitor, "exit_intent")) == 1


def test_by_touch_a_rush_upwards_means_to_go_once_the_page_was_read(
    open_page: OpenPage, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page = open_page(has_touch=True, is_mobile=True, viewport={"width": 400, "height": 700})
    visitor = begun(page, witness, pages.put("/rush", head=snippet(), body=TALL))
    down, up = "scrollTo(0, 3000)", "scrollTo(0, 200)"
    for where in (down, up):
        page.evaluate(where)
        page.wait_for_timeout(100)
    page.wait_for_timeout(5_000)
    assert backend.events(visitor, "exit_intent") == []
    for where in (down, "scrollTo(0, 2500)"):
        page.evaluate(where)
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)
    assert backend.events(visitor, "exit_intent") == []
    for where in (down, up, down, up):
        page.evaluate(where)
        page.wait_for_timeout(100)
    assert len(stored(page, backend, visitor, "exit_intent")) == 1


def test_of_a_form_its_name_is_told_and_never_what_is_in_it(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    body = (
        '<form id="signup" action="javascript:0"><input name="id" value=""><input name="secret">'
        "<button>Go</button></form>"
    )
    visitor = begun(page, witness, pages.put("/form", head=snippet(), body=body))
    page.fill("[name=secret]", "hunter2")
    page.fill("[name=secret]", "hunter22")
    page.click("button")
    sent = stored(page, backend, visitor, "form_submit")
    begins = backend.events(visitor, "form_start")
    assert properties(begins) == properties(sent) == [{"form": "signup"}]
    assert "hunter2" not in str(backend.export(visitor))


def test_clicks_are_told_where_the_site_marked_them(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    body = '<button id="a">a</button><button data-opportune="compare"><b id="b">b</b></button>'
    visitor = begun(page, witness, pages.put("/clicks", head=snippet(), body=body))
    page.click("#a")
    page.click("#b")
    assert properties(stored(page, backend, visitor, "click")) == [{"target": "compare"}]


def test_signs_of_life_come_five_seconds_apart_and_the_latest_is_not_left_out(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/alive", head=snippet()))
    first = stored(page, backend, visitor, "view")[0]
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    page.keyboard.press("b")
    active = stored(page, backend, visitor, "activity", 2)
    apart_ms = active[1]["at_ms"] - active[0]["at_ms"]
    assert first["at_ms"] <= active[0]["at_ms"]
    assert 450 <= apart_ms < 2_000
    assert active[1]["received_ms"] - active[0]["received_ms"] >= 4_900


def test_the_site_tells_events_attributes_and_who_it_is(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/site", head=snippet()))
    page.evaluate(
        """() => {
          const props = {product: "Tent", price: 120}
          opportune("track", "cart_add", props)
          props.price = 0
          opportune("set", {"cart.total": 120})
          opportune("identify", "u-1", {first_name: "Ada"})
          opportune("no such command")
        }"""
    )
    added = stored(page, backend, visitor, "cart_add")
    assert properties(added) == [{"product": "Tent", "price": 120}]
    assert stored(page, backend, visitor, "set", 2)[-1]["attributes"] == {"cart.total": 120}
    who = stored(page, backend, visitor, "identify")[0]
    assert who["properties"] == {"first_name": "Ada"}
    assert who["attributes"] == {"visitor.user_id": "u-1"}


def test_calls_of_the_stub_are_replayed_with_their_page_and_time(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    early = (
        f"<script>{STUB};opportune('track', 'early');window.earlyMs = Date.now();"
        "history.replaceState({}, '', '/moved')</script>"
    )
    tag = snippet().replace("<script async", "<script defer")
    slow = "<script>const until = Date.now() + 400; while (Date.now() < until);</script>"
    visitor = begun(page, witness, pages.put("/stub", head=early + slow + tag))
    replayed = stored(page, backend, visitor, "early")[0]
    assert replayed["page"]["url"] == pages.address + "/stub"
    view = stored(page, backend, visitor, "view")[0]
    assert view["page"]["url"] == pages.address + "/moved"
    assert view["event_id"].endswith("-1")
    assert replayed["received_ms"] - replayed["at_ms"] >= 400


def test_a_second_inclusion_says_one_line_and_does_nothing(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/twice", head=snippet() + snippet()))
    stored(page, backend, visitor, "view")
    until(lambda: [text for _, text in witness.console if "twice" in text], page=page)
    assert len(witness.requests("/session")) == 1
    assert len(backend.events(visitor, "view")) == 1


def test_init_starts_a_script_without_attributes(
    page: Page, pages: Pages, backend: Backend, witness: Witness
) -> None:
    head = f'<script async src="{backend.address}/widget.js"></script>'
    start = "<script>opportune('init', {widget: 'ws_shop', token: 'wk_shop'})</script>"
    visitor = begun(
        page, witness, pages.put("/init", head=f"<script>{STUB}</script>" + head + start)
    )
    assert stored(page, backend, visitor, "view")


def test_the_page_hears_that_the_widget_is_ready_also_when_it_asks_late(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    listening = "<script>document.addEventListener('opportune:ready', e => window.early = e.detail)</script>"
    visitor = begun(page, witness, pages.put("/ready", head=listening + snippet()))
    page.wait_for_function("window.early")
    late = page.evaluate("new Promise(done => opportune('on', 'ready', done))")
    assert late == page.evaluate("window.early")
    assert late == {"sessionId": witness.started()["chatSessionId"], "visitorId": visitor}


def test_debug_says_in_a_line_which_key_is_needed(
    page: Page, pages: Pages, snippet: Snippet, witness: Witness
) -> None:
    begun(page, witness, pages.put("/debug", head=snippet()))
    page.wait_for_timeout(100)
    page.evaluate("opportune('debug')")
    assert [text for _, text in witness.console if "decisions:read" in text]


def test_leaving_for_another_page_tells_how_long_the_first_was_seen(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/first", head=snippet(), body=TALL))
    page.goto(pages.put("/second", head=snippet()))
    left = stored(page, backend, visitor, "page_leave")
    views = stored(page, backend, visitor, "view", 2)
    assert [view["page"]["title"] for view in views] == ["/first", "/second"]
    # A page begins with its navigation, while the one before it is still shown.
    assert views[0]["at_ms"] <= left[0]["at_ms"]
    assert left[0]["page"]["url"] == views[0]["page"]["url"]
    assert left[0]["event_id"].split("-")[0] == views[0]["event_id"].split("-")[0]
    assert left[0]["properties"]["scroll_percent"] < 50
    page.wait_for_timeout(300)
    assert len(backend.events(visitor, "page_leave")) == 1
    assert len(witness.requests("/session")) == 1


def test_closing_the_tab_tells_how_long_the_page_was_seen(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    tab = page.context.new_page()
    visitor = begun(tab, witness, pages.put("/closing", head=snippet()))
    stored(page, backend, visitor, "view")
    tab.close()
    assert stored(page, backend, visitor, "page_leave")


def test_a_page_that_comes_back_from_the_cache_is_seen_and_connected_again(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    visitor = begun(page, witness, pages.put("/cached", head=snippet()))
    stored(page, backend, visitor, "view")
    turn = "name => window.dispatchEvent(new PageTransitionEvent(name, {persisted: true}))"
    page.evaluate(turn, "pagehide")
    stored(page, backend, visitor, "page_leave")
    page.evaluate(turn, "pageshow")
    stored(page, backend, visitor, "view", 2)
    page.evaluate("opportune('track', 'alive')")
    assert stored(page, backend, visitor, "alive")


def test_a_clock_that_is_hours_off_dates_nothing_wrongly(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    page.add_init_script(
        """const real = Date
        window.Date = class extends real {
          constructor(...given) { given.length ? super(...given) : super(Date.now()) }
          static now() { return real.now() - 7_200_000 }
        }"""
    )
    visitor = begun(page, witness, pages.put("/late", head=snippet()))
    [view] = stored(page, backend, visitor, "view")
    assert abs(view["received_ms"] - view["at_ms"]) < 5_000


def test_calls_that_cannot_be_kept_harm_nothing_else(
    page: Page, pages: Pages, backend: Backend, snippet: Snippet, witness: Witness
) -> None:
    witness.allow("opportune: TypeError")
    visitor = begun(page, witness, pages.put("/circle", head=snippet()))
    page.evaluate(
        "() => { const c = {}; c.c = c; opportune('track', 'circle', c); opportune('track', 'fine') }"
    )
    assert stored(page, backend, visitor, "fine")
    assert not backend.events(visitor, "circle")
