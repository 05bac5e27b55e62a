"""Laws of the fold: the short ways that most events go come to what the long ones come to."""

from copy import deepcopy
from math import inf

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from engine.fold import apply_event, slim_event
from engine.late import take_event
from engine.openings import begin_session
from engine.profile import Profile
from engine.runs import take_run
from engine.session import Session
from engine.stores.base import SessionRef
from engine.stores.codec import encode_session, encode_state
from engine.tabs import start_page
from tests.engine.world import program_of
from tests.laws.visitors import RULES, START_MS, Arrival, visits

PROGRAM = program_of(RULES)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["page.url", "page.title", "page.path", "page.query.ref", "page.", "page", "page/a", "pages",
         "pagf", "visitor.plan", "cart.total", "utm.source"]
    ),
    st.text(max_size=3),
)  # fmt: skip


def begun() -> Session:
    ref = SessionRef("w", "visitor", "chat_1")
    return begin_session(PROGRAM, ref, "s", Profile("visitor"), START_MS)


def in_order(visit: list[Arrival]) -> list[Event]:
    events = [event for arrival in visit for event in arrival.events]
    return sorted(events, key=lambda event: event.at_ms)


@given(visits(), st.sampled_from([None, "https://search.test/"]), st.booleans())
def test_what_a_second_fold_is_given_comes_to_the_state_of_the_first(
    visit: list[Arrival], referrer: str | None, is_counted: bool
) -> None:
    first, second = begun().state, begun().state
    for event in in_order(visit):
        told = msgspec.structs.replace(event, referrer=referrer, counted=is_counted)
        slim = slim_event(PROGRAM, told)
        assert slim_event(PROGRAM, slim) == slim
        apply_event(PROGRAM, first, told)
        apply_event(PROGRAM, second, slim)
        if not referrer:
            assert encode_state(second) == encode_state(first)
    assert (second.regs, second.tabs, second.cart) == (first.regs, first.tabs, first.cart)


@given(visits(late=True), st.integers(0, 30_000))
def test_a_run_takes_events_as_they_are_taken_one_by_one(
    visit: list[Arrival], later_ms: int
) -> None:
    runs, singles = begun(), begun()
    for arrival in visit:
        now_ms, events = START_MS + arrival.at_ms + later_ms, arrival.events
        place = 0
        while place < len(events):
            place = take_run(PROGRAM, runs, events, place, now_ms=now_ms, until_ms=inf)
            if place < len(events):
                take_event(PROGRAM, runs, events[place], now_ms)
                place += 1
        for event in events:
            take_event(PROGRAM, singles, event, now_ms)
        singles.active_ms = runs.active_ms
        assert encode_session(runs) == encode_session(singles)
        assert runs.state == singles.state


@given(visits(late=True), st.integers(0, 1_000))
def test_a_run_ends_before_the_instant_that_it_is_given(
    visit: list[Arrival], until_ms: int
) -> None:
    session, events = begun(), in_order(visit)
    take_event(PROGRAM, session, events[0], events[0].at_ms)
    until_ms += events[0].at_ms
    place = take_run(PROGRAM, session, events, 1, now_ms=events[-1].at_ms, until_ms=until_ms)
    assert all(event.at_ms < until_ms for event in events[1:place])
    assert session.state.events == place


@given(visits())
def test_an_event_is_heard_as_if_it_was_folded_and_then_looked_at(visit: list[Arrival]) -> None:
    state = begun().state
    for event in in_order(visit):
        apply_event(PROGRAM, state, event)
        heard, folded = deepcopy(state), deepcopy(state)
        PROGRAM.hear(heard, "plan_toggle", {}, True, state.clock_ms)
        PROGRAM.fold(folded, "plan_toggle", {}, True, state.clock_ms)
        PROGRAM.observe(folded, state.clock_ms)
        assert heard == folded


@given(ATTRIBUTES)
def test_a_new_page_forgets_all_that_was_said_of_the_one_before_and_nothing_else(
    attributes: dict[str, str],
) -> None:
    state = begun().state
    apply_event(PROGRAM, state, Event("", "view", START_MS, url="https://laws.test/cart"))
    state.attrs = dict(attributes)
    start_page(PROGRAM, state, "https://laws.test/new", "New", START_MS)
    kept = {name: value for name, value in attributes.items() if not name.startswith("page.")}
    told = {"page.title": "New", "page.url": "https://laws.test/new"}
    assert list(state.attrs.items()) == list({**kept, **told}.items())
