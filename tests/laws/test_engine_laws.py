"""Laws of the decisions, on random visits (LANGUAGE.md 10; PRODUCT.md, Invariants)."""

from copy import deepcopy

import msgspec
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.decide import decide
from engine.decision import DecisionRow
from engine.events import Event
from engine.intake import admit_events
from engine.late import revive
from engine.message import Message
from engine.openings import begin_session, start_event
from engine.profile import Profile
from engine.runtime_types import ClientContext
from engine.session import Session
from engine.step import Arrived, Woke, step
from engine.stores.base import SessionRef
from engine.stores.codec import decode_session, encode_session
from engine.testing.interpreted import InterpretedProgram
from rules.compiler import Program
from tests.engine.world import SECRET, program_of
from tests.laws.visitors import RULES, START_MS, UNHEARD, Arrival, visits

PROGRAM = program_of(RULES)
INTERPRETED = InterpretedProgram(PROGRAM.checked, {})
WITH_UNHEARD = program_of(RULES + UNHEARD)
TAIL_MS = 120_000


class Ride:
    """One visitor taken through a visit by the step, with wake-ups at their instants."""

    def __init__(self, program: Program, *, encodes: bool = False) -> None:
        self.program = program
        self.profile = Profile("visitor")
        ref = SessionRef("w", "visitor", "chat_1")
        self.session: Session = begin_session(program, ref, "s", self.profile, START_MS)
        self.rows: list[DecisionRow] = []
        self.messages: list[Message] = []
        self.scores: list[int] = []
        self._encodes = encodes
        start = start_event(self.session, self.profile, ClientContext())
        self.take(Arrived(START_MS, (start,)))

    def take(self, given: Arrived | Woke) -> None:
        if self._encodes:
            self.session = decode_session(encode_session(self.session))
            revive(self.program, self.session)
        effect = step(self.program, self.session, self.profile, given, SECRET)
        self.rows.extend(effect.rows)
        self.messages.extend(deepcopy(effect.messages))
        self.scores.append(self.program.score(self.session.state, given.now_ms))

    def wake(self, until_ms: int) -> None:
        while 0 <= self.session.wake_ms <= until_ms:
            self.take(Woke(self.session.wake_ms, self.session.wake_ms))

    def arrive(self, arrival: Arrival) -> None:
        now_ms = START_MS + arrival.at_ms
        self.wake(now_ms - 1)
        admission = admit_events(self.session, arrival.events, now_ms)
        if admission.events:
            self.take(Arrived(now_ms, admission.events))

    def run(self, arrivals: list[Arrival]) -> "Ride":
        for arrival in arrivals:
            self.arrive(arrival)
        self.wake(START_MS + arrivals[-1].at_ms + TAIL_MS)
        return self

    def digest(self) -> list[tuple[object, ...]]:
        """What was decided, without what names the rule set."""
        return [
            (r.at_ms, r.rule, r.outcome, r.reason, r.score, r.variant, r.gates, r.message, r.why)
            for r in self.rows
        ]


@given(visits(late=True))
def test_deciding_is_pure(visit: list[Arrival]) -> None:
    """The same value decides the same, and is the same afterwards."""
    ride = Ride(PROGRAM)
    for arrival in visit:
        ride.arrive(arrival)
        now_ms = START_MS + arrival.at_ms
        session, profile = deepcopy(ride.session), deepcopy(ride.profile)
        first = decide(PROGRAM, session, profile, now_ms)
        assert msgspec.structs.asdict(session) == msgspec.structs.asdict(ride.session)
        assert profile == ride.profile
        assert decide(PROGRAM, session, profile, now_ms) == first


@given(visits(late=True))
def test_at_most_one_proactive_message_in_a_session_and_epoch(visit: list[Arrival]) -> None:
    ride = Ride(PROGRAM).run(visit)
    epochs = [
        m.epoch for m in ride.session.messages if m.kind == "proactive" and m.outcome != "expired"
    ]
    assert len(epochs) == len(set(epochs))


@given(visits())
def test_a_rule_that_never_fires_changes_nothing_when_it_is_removed(visit: list[Arrival]) -> None:
    assert Ride(WITH_UNHEARD).run(visit).digest() == Ride(PROGRAM).run(visit).digest()


@given(visits(), st.data())
def test_a_repeated_event_changes_nothing(visit: list[Arrival], data: st.DataObject) -> None:
    """The repeat arrives with or after the original, and no decision moves."""
    place = data.draw(st.integers(0, len(visit) - 1))
    event = data.draw(st.sampled_from(visit[place].events))
    after = data.draw(st.integers(place, len(visit) - 1))
    again = Arrival(visit[after].at_ms, (*visit[after].events, event))
    repeated = [*visit[:after], again, *visit[after + 1 :]]
    assert Ride(PROGRAM).run(repeated).digest() == Ride(PROGRAM).run(visit).digest()


@given(visits())
def test_an_event_up_to_ten_seconds_late_ends_in_the_state_it_would_have_made_in_time(
    visit: list[Arrival],
) -> None:
    """Folded in its place: the facts are those of the same events in order, whatever was decided."""
    events = [
        event for arrival in visit for event in arrival.events if event.name != "visitor_message"
    ]
    assume(events)
    end_ms = max(event.at_ms for event in events)
    recent = [event for event in events if end_ms - event.at_ms <= 10_000]
    older = [event for event in events if end_ms - event.at_ms > 10_000]
    in_order, shuffled = Ride(PROGRAM), Ride(PROGRAM)
    for ride in (in_order, shuffled):
        for event in older:
            ride.arrive(Arrival(event.at_ms - START_MS, (event,)))
    in_order.take(Arrived(end_ms, tuple(recent)))
    for event in reversed(recent):
        shuffled.take(Arrived(end_ms, (event,)))
    one, other = in_order.session.state, shuffled.session.state
    assert (one.page_key, one.scroll, one.attrs, one.regs) == (
        other.page_key, other.scroll, other.attrs, other.regs,
    )  # fmt: skip
    assert one.page_seen_ms - one.page_since_ms == other.page_seen_ms - other.page_since_ms


@given(visits(late=True))
def test_a_state_that_was_stored_between_any_two_steps_decides_the_same(
    visit: list[Arrival],
) -> None:
    assert Ride(PROGRAM, encodes=True).run(visit).digest() == Ride(PROGRAM).run(visit).digest()


def _told(*names: str) -> tuple[Event, ...]:
    """Make events of one instant, of which a view is of the cart."""
    url = "https://laws.test/cart"
    return tuple(
        Event(f"pageload-{n}", name, START_MS, "", n, url=url if name == "view" else None)
        for n, name in enumerate(names, 2)
    )


HELD_BACK_BY_TWO = [
    Arrival(0, (Event("pageload-1", "set", START_MS, "", 1, attributes={"cart.total": 120}),)),
    Arrival(0, _told("add_to_cart", "view", "view", "view", "view", "click", "add_to_cart")),
    Arrival(
        30_000,
        (
            Event(
                "word", "visitor_message", START_MS + 30_000, "", 10, properties={"text": "hello"}
            ),
        ),
    ),
]
"""Two gates hold a rule back, and one of them opens: by itself that is no reason to look, so that the row
which says so stands at whatever instant is looked at next."""


@given(visits(late=True))
@example(HELD_BACK_BY_TWO)
def test_the_interpreter_asked_at_the_same_instants_decides_the_same(visit: list[Arrival]) -> None:
    rides = (Ride(INTERPRETED), Ride(PROGRAM))
    for arrival in visit:
        _wake_both(rides, START_MS + arrival.at_ms - 1)
        for ride in rides:
            ride.arrive(arrival)
    _wake_both(rides, START_MS + visit[-1].at_ms + TAIL_MS)
    assert rides[0].digest() == rides[1].digest()


def _wake_both(rides: tuple[Ride, Ride], until_ms: int) -> None:
    """Take each wake-up of one for both: either may look earlier than it needs to."""
    while due := [r.session.wake_ms for r in rides if 0 <= r.session.wake_ms <= until_ms]:
        for ride in rides:
            ride.take(Woke(min(due), min(due)))


@given(visits(late=True))
def test_the_score_stays_within_0_and_100(visit: list[Arrival]) -> None:
    assert all(0 <= score <= 100 for score in Ride(PROGRAM).run(visit).scores)


@given(visits())
def test_no_decision_is_missed_between_wake_ups(visit: list[Arrival]) -> None:
    """Looking at every second finds no message earlier than the wake-ups found it."""
    woken = Ride(PROGRAM).run(visit)
    polled = Ride(PROGRAM)
    end_ms = START_MS + visit[-1].at_ms + TAIL_MS
    arrivals = list(visit)
    for now_ms in range(START_MS, end_ms + 1, 1_000):
        while arrivals and START_MS + arrivals[0].at_ms == now_ms:
            polled.arrive(arrivals.pop(0))
        polled.wake(now_ms)
        polled.take(Woke(now_ms, now_ms))
    sent = [(m.sent_ms, m.rule) for m in woken.messages if m.kind == "proactive"]
    assert [(m.sent_ms, m.rule) for m in polled.messages if m.kind == "proactive"] == sent


def test_the_visits_do_meet_messages() -> None:
    """The laws are not empty: a plain visit gets its message."""
    events = [
        Event("pageload-1", "view", START_MS, url="https://laws.test/pricing"),
        Event("pageload-2", "view", START_MS + 5_000, url="https://laws.test/pricing/teams"),
    ]
    ride = Ride(PROGRAM).run([Arrival(e.at_ms - START_MS, (e,)) for e in events])
    assert [m.rule for m in ride.messages] == ["undecided"]
    assert ride.messages[0].sent_ms == START_MS + 13_000
