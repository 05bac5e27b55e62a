"""Laws of the fold: the short ways that most events go come to what the long ones come to."""

from copy import deepcopy
from random import Random

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
from rules.compiler.program import Program
from rules.facts import NEVER_MS
from tests.engine.world import program_of
from tests.laws.visitors import PATHS, RULES, START_MS, Arrival, visits

PROGRAM = program_of(RULES)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["page.url", "page.title", "page.path", "page.query.ref", "page.", "page", "page/a", "pages",
         "pagf", "visitor.plan", "cart.total", "utm.source"]
    ),
    st.text(max_size=3),
)  # fmt: skip
HEAD = """
site "held" timezone "UTC"
attribute visitor.plan: one_of ["none", "trial", "paid"] default "none"
attribute cart.total: money default $0
event plan_toggle {}
event calculator { seats: number note: text optional }
pages pricing = "/pricing", "/pricing/**"
policy { allow OP301 because "short" allow OP310 because "short" }
score {
  +2 per 5s of time_on_page up to 20
  +10 per view of pricing up to 30
  +4 per click up to 12
  +5 when (time_on_page >= 3s) for 2s
  -15 when no activity for 8s
}
"""
HELD = (
    "scroll_depth >= 50%",
    "no activity for 4s",
    "no activity for 9s and time_on_page >= 3s",
    "no activity of pricing for 3s",
    "no click for 5s",
    "at least 2 click in last 10s",
    "at least 1 activity in last 6s",
    "seen click then no plan_toggle for 4s",
    "at least 2 calculator(seats >= 3)",
    'seen calculator(note contains "n")',
    "cart.total >= $50",
    'visitor.plan = "paid"',
    "time_on_site >= 12s and page_age < 5s",
    "score >= 20 and score < 45",
    "score >= 12",
)


def held_program(conditions: tuple[str, ...]) -> Program:
    """Compile a rule for each condition, which is to have been true for two seconds."""
    rules = "".join(
        f'rule r{n} "R" {{ on any page when ({one}) for 2s say "Hi?" reply "Yes" -> dismiss reply "No" -> dismiss }}\n'
        for n, one in enumerate(conditions)
    )
    return program_of(HEAD + rules)


HELD_PAIRS = [held_program((one, HELD[n - 3])) for n, one in enumerate(HELD)]
PROGRAMS = st.sampled_from([PROGRAM, program_of(HEAD), held_program(HELD), *HELD_PAIRS])


WORDS: tuple[dict[str, object], ...] = (
    {"name": "click"},
    {"name": "plan_toggle"},
    {"name": "exit_intent"},
    {"name": "form_submit"},
    {"name": "exit_intent", "tab": "b"},
    {"name": "undeclared", "origin": "segment"},
    {"name": "undeclared", "origin": "posthog", "tab": "b"},
    {"name": "view", "url": "https://laws.test/pricing"},
    {"name": "view", "url": "https://laws.test/p/tent", "tab": "b"},
    {"name": "scroll", "properties": {"depth": 60}},
    {"name": "scroll", "properties": {"depth": 20}, "tab": "b"},
    {"name": "show"},
    {"name": "hide"},
    {"name": "heartbeat", "properties": {"visible": True, "active_ms": 5, "scroll_percent": 60}},
    {"name": "heartbeat", "properties": {"visible": False}},
    {"name": "page_leave", "properties": {"dwell_ms": 700}},
    {"name": "calculator", "properties": {"seats": 4, "note": "n" * 5_000}},
    {"name": "add_to_cart", "origin": "segment", "properties": {"price": 19.99, "quantity": 2}},
    {"name": "set", "attributes": {"visitor.plan": "paid"}},
)
EARLIER_MS = (*(0,) * 20, 500, 4_000, 12_000)


@st.composite
def busy_visits(draw: st.DrawFn) -> list[Arrival]:
    """Draw batches of events a moment apart, most in order, of two tabs, under names known and made up."""
    random = Random(draw(st.integers(0, 1 << 32)))
    url = "https://laws.test" + random.choice(PATHS)
    visit = [Arrival(0, (Event("", "view", START_MS, url=url),))]
    at_ms = 0
    for _ in range(draw(st.integers(1, 4))):
        words = random.sample(WORDS, random.randint(2, 3))
        events: list[Event] = []
        for _ in range(random.randint(1, 25)):
            at_ms += random.choice([0, 1, 1, 20, 300, 999, 1_000, 5_000])
            own_ms = max(0, at_ms - random.choice(EARLIER_MS))
            events.append(Event("", at_ms=START_MS + own_ms, **random.choice(words)))  # type: ignore[arg-type]
        visit.append(Arrival(at_ms, tuple(events)))
    return visit


def begun(program: Program = PROGRAM) -> Session:
    ref = SessionRef("w", "visitor", "chat_1")
    return begin_session(program, ref, "s", Profile("visitor"), START_MS)


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


@given(PROGRAMS, busy_visits(), st.sampled_from([0, 0, 500, 4_000, 30_000]))
def test_a_run_takes_events_as_they_are_taken_one_by_one(
    program: Program, visit: list[Arrival], later_ms: int
) -> None:
    runs, singles = begun(program), begun(program)
    for arrival in visit:
        now_ms, events = START_MS + arrival.at_ms + later_ms, arrival.events
        place = 0
        while place < len(events):
            place = take_run(program, runs, events, place, now_ms=now_ms, until_ms=NEVER_MS)
            if place < len(events):
                take_event(program, runs, events[place], now_ms)
                place += 1
        for event in events:
            take_event(program, singles, event, now_ms)
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


@given(PROGRAMS, busy_visits())
def test_until_the_instant_of_a_look_what_is_held_stays_as_it_is(
    program: Program, visit: list[Arrival]
) -> None:
    state = begun(program).state
    for event in in_order(visit):
        apply_event(program, state, event)
        looked = deepcopy(state)
        steady_ms = program.look(looked)
        assert looked == state
        assert steady_ms <= program.next_held(state, state.clock_ms)
        last_ms = min(steady_ms, state.clock_ms + 60_000) - 1
        for at_ms in (state.clock_ms, (state.clock_ms + last_ms) // 2, last_ms):
            if state.clock_ms <= at_ms:
                program.observe(looked, at_ms)
                assert looked == state


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
