"""Tabs, pages and visible time, second by second."""

from engine.events import Event
from engine.late import take_event
from engine.limits import TABS_MAX
from engine.openings import begin_session
from engine.profile import Profile
from engine.session import Session
from engine.stores.base import SessionRef
from engine.tabs import next_silence
from engine.windows import StateFacts
from tests.engine.world import HELP, START_MS, program_of, visit

PROGRAM = program_of(HELP)
PAGE = "https://shop.test/pricing"


class Browser:
    """One session's tabs, told what they do at which second."""

    def __init__(self) -> None:
        ref = SessionRef("w", "v", "chat_1")
        self.session: Session = begin_session(PROGRAM, ref, "s", Profile("v"), START_MS)
        self._number = 0

    def do(self, second: float, name: str, tab: str = "a", **given: object) -> None:
        self._number += 1
        at_ms = START_MS + int(second * 1_000)
        event = Event("", name, at_ms, tab=tab, sequence=self._number, **given)  # type: ignore[arg-type]
        take_event(PROGRAM, self.session, event, at_ms)

    def clock(self, name: str, second: float) -> float:
        facts = StateFacts(PROGRAM, self.session.state)
        return facts.clock_ms(name, START_MS + int(second * 1_000)) / 1_000  # type: ignore[arg-type]


def test_time_on_page_stops_while_the_tab_is_hidden() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    browser.do(5, "hide")
    assert browser.clock("time_on_page", 60) == 5
    browser.do(65, "show")
    assert browser.clock("time_on_page", 70) == 10
    assert browser.clock("page_age", 70) == 70


def test_a_page_seen_a_moment_before_its_session_was_made_is_where_it_begins() -> None:
    browser = Browser()
    seen = Event("", "view", START_MS - 20, tab="a", url=PAGE)
    take_event(PROGRAM, browser.session, seen, START_MS + 5)
    assert browser.session.late_events == 0
    assert browser.session.state.page_key == "shop.test/pricing"
    assert browser.clock("time_on_page", 10) == 10


def test_a_new_page_starts_its_clock_scroll_and_attributes_anew() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE + "?utm_source=ads", title="Pricing")
    browser.do(1, "scroll", properties={"depth": 70})
    browser.do(10, "view", url="https://shop.test/Cart/")
    state = browser.session.state
    assert (browser.clock("time_on_page", 12), state.scroll) == (2, 0)
    assert state.attrs["page.url"] == "https://shop.test/Cart/"
    assert "page.title" not in state.attrs
    assert state.attrs["utm.source"] == "ads"  # kept until another page has any utm_*
    assert browser.clock("time_on_site", 12) == 12


def test_two_tabs_count_site_time_once_and_page_time_for_the_current_one() -> None:
    browser = Browser()
    browser.do(0, "view", tab="a", url=PAGE)
    browser.do(10, "view", tab="b", url="https://shop.test/cart")
    assert browser.session.state.page_key == "shop.test/cart"
    assert browser.clock("time_on_page", 15) == 5
    assert browser.clock("time_on_site", 15) == 15
    browser.do(20, "hide", tab="b")
    assert browser.session.state.page_key == "shop.test/pricing"
    assert browser.clock("time_on_page", 25) == 15  # ten seconds before, five since


def test_a_hidden_tab_does_not_become_current_by_an_event_of_its_own() -> None:
    browser = Browser()
    browser.do(0, "view", tab="a", url=PAGE)
    browser.do(1, "view", tab="b", url="https://shop.test/cart")
    browser.do(2, "hide", tab="b")
    browser.do(3, "plan_changed", tab="b")
    assert browser.session.state.tab == "a"


def test_when_no_tab_is_visible_the_last_one_stays_current() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    browser.do(1, "hide")
    assert browser.session.state.page_key == "shop.test/pricing"
    assert browser.session.state.site_since_ms == -1


def test_a_tab_with_heartbeats_falls_silent_after_twenty_seconds() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    assert next_silence(browser.session.state) is None
    browser.do(5, "heartbeat", properties={"active_ms": 0, "scroll_percent": 40, "visible": True})
    assert next_silence(browser.session.state) == (START_MS + 25_000, "a")
    assert browser.session.state.scroll == 40


def test_a_silent_tab_is_visible_again_with_its_next_event_and_a_hidden_one_is_not() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    browser.do(10, "hide", origin="engine")
    assert browser.session.state.site_since_ms == -1
    browser.do(30, "click")
    assert browser.clock("time_on_page", 35) == 15
    browser.do(40, "hide")
    browser.do(41, "click")
    assert browser.clock("time_on_page", 60) == 20


def test_a_sender_without_tabs_is_visible_again_after_loading_a_page() -> None:
    browser = Browser()
    browser.do(0, "view", tab="", url=PAGE)
    browser.do(5, "hide", tab="")
    browser.do(6, "view", tab="", url=PAGE)
    assert browser.clock("time_on_page", 10) == 4


def test_leaving_a_page_corrects_its_visible_time() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    browser.do(30, "page_leave", properties={"dwell_ms": 12_000, "scroll_percent": 80})
    assert browser.clock("time_on_page", 100) == 12
    assert browser.session.state.scroll == 80
    browser.do(40, "page_leave", properties={"dwell_ms": 10**9})
    assert browser.clock("time_on_page", 100) <= 40


def test_a_page_that_is_left_after_the_next_one_began_does_not_stop_its_clock() -> None:
    browser = Browser()
    browser.do(0, "view", tab="a", url=PAGE)
    browser.do(30, "view", tab="b", url=PAGE)
    browser.do(31, "page_leave", tab="a", properties={"dwell_ms": 31_000, "scroll_percent": 80})
    assert browser.clock("time_on_page", 40) == 10


def test_a_view_without_an_address_is_an_unknown_page() -> None:
    browser = Browser()
    browser.do(0, "view", url=PAGE)
    browser.do(1, "view")
    assert browser.session.state.page_key == ""
    assert "page.url" not in browser.session.state.attrs


def test_the_number_of_tabs_is_bounded_and_the_visible_one_stays() -> None:
    browser = Browser()
    for number in range(TABS_MAX + 10):
        browser.do(number, "view", tab=f"tab-{number}", url=PAGE)
        browser.do(number + 0.5, "hide", tab=f"tab-{number}")
    browser.do(100, "view", tab="last", url="https://shop.test/cart")
    assert len(browser.session.state.tabs) == TABS_MAX
    assert browser.session.state.page_key == "shop.test/cart"


def test_a_path_that_only_a_text_reads_is_kept() -> None:
    text = HELP.replace("Questions about pricing plans?", "Questions about {page.path}?")
    made = visit(text)
    made.happen(0, made.event("view", 0, url="https://site.test/Pricing/"))
    made.look(45_000)
    assert made.sent[0].message.text == "Questions about /Pricing?"
