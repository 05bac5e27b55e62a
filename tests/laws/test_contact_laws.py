"""Laws of how a visitor can be reached: what events say of it, whatever else they say."""

from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event, Scalar
from engine.openings import begin_session
from engine.profile import CONTACT_NAMES, Profile
from engine.step import Arrived, step
from engine.stores.base import SessionRef
from tests.engine.world import HELP, SECRET, START_MS, program_of

PROGRAM = program_of(HELP)
NAMES = st.sampled_from([*CONTACT_NAMES, "plan"])
VALUES: st.SearchStrategy[Scalar] = st.sampled_from(["", "ann", "ann@shop.test", 7, True])
ATTRIBUTES = st.dictionaries(NAMES.map("visitor.{}".format), VALUES, max_size=3)
CONTACTS = st.dictionaries(st.sampled_from(CONTACT_NAMES), st.sampled_from(["ann", "bob"]))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Make an event that may say how its visitor can be reached."""
    return Event(
        id="",
        name=draw(st.sampled_from(["set", "identify", "click", "session_start"])),
        at_ms=START_MS,
        properties=draw(st.dictionaries(NAMES, VALUES, max_size=3)),
        attributes=draw(ATTRIBUTES),
        origin=draw(st.sampled_from(["widget", "api", "engine"])),
    )


def told_by(event: Event) -> dict[str, str]:
    """Tell what an event says of how its visitor can be reached: attributes first, then who it is."""
    given = event.properties if event.name == "identify" else {}
    told = {
        name: event.attributes.get(f"visitor.{name}", given.get(name)) for name in CONTACT_NAMES
    }
    return {name: value for name, value in told.items() if isinstance(value, str) and value}


@given(CONTACTS, st.lists(events(), min_size=1, max_size=4))
def test_how_a_visitor_is_reached_is_what_events_said_of_it_last(
    before: dict[str, str], told: list[Event]
) -> None:
    profile = Profile("v", contact=before)
    session = begin_session(PROGRAM, SessionRef("w", "v", "s"), "site", profile, START_MS)
    step(PROGRAM, session, profile, Arrived(START_MS, tuple(told)), SECRET)
    expected = dict(before)
    for event in told:
        expected |= told_by(event)
    assert profile.contact == expected
