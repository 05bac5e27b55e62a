"""Repeats are dropped and times brought into range before anything is folded."""

from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event
from engine.intake import admit_events, id_hash, note_number, widget_number
from engine.limits import EVENT_AGE_MS_MAX, LOAD_RANGES_MAX, LOADS_MAX
from engine.session import Session, new_session

NOW_MS = 1_750_000_000_000


def session() -> Session:
    return new_session("w", "v", "chat_1", "s", NOW_MS)


@given(st.lists(st.integers(0, 2 * LOAD_RANGES_MAX - 1), max_size=60))
def test_a_number_is_new_exactly_once(numbers: list[int]) -> None:
    known, made = set[int](), session()
    for number in numbers:
        assert note_number(made, "pageload", number) is (number not in known)
        known.add(number)
    ranges = made.loads.get("pageload", [])
    assert ranges == sorted(ranges)


def test_only_the_newest_page_loads_and_ranges_are_kept() -> None:
    made = session()
    for load in range(LOADS_MAX + 1):
        assert note_number(made, f"load{load:04}", 1)
    assert len(made.loads) == LOADS_MAX
    assert note_number(made, "load0000", 1)  # forgotten, so it counts as new
    for number in range(0, 4 * LOAD_RANGES_MAX, 2):
        note_number(made, "pageload", number)
    assert len(made.loads["pageload"]) == 2 * LOAD_RANGES_MAX


def test_only_ids_of_the_widgets_form_are_numbers() -> None:
    assert widget_number("a1b2c3d4-17") == ("a1b2c3d4", 17)
    for other in (
        "",
        "a1b2c3d4",
        "a1b2c3d4-",
        "a1b2c3d4-x",
        "a1b2c3d4-1e5",
        "a1b2c3d4-²",
        "short-1",
    ):
        assert widget_number(other) == ("", 0)
    assert widget_number("a1b2c3d4-" + "9" * 40) == ("", 0)


def test_a_foreign_id_is_new_until_the_store_says_otherwise() -> None:
    event = Event("anything", "click", NOW_MS)
    first = admit_events(session(), [event, event], NOW_MS)
    assert (len(first.events), first.duplicates, len(first.seen)) == (1, 1, 1)
    again = admit_events(session(), [event], NOW_MS, frozenset(first.seen))
    assert (again.events, again.duplicates) == ((), 1)
    assert id_hash("w", "v", "x") != id_hash("w2", "v", "x")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["", "load0001-1", "load0001-2", *(f"{n}-{'f' * 20}" for n in "01234é")]
            ),
            st.sampled_from([-EVENT_AGE_MS_MAX - 1, -EVENT_AGE_MS_MAX, -5, 0, 1]),
        ),
        max_size=6,
    )
)
def test_events_together_are_admitted_as_one_by_one(told: list[tuple[str, int]]) -> None:
    events = [Event(own, "click", NOW_MS + late_ms) for own, late_ms in told]
    together, known = session(), session()
    fresh: list[Event] = []
    seen: list[int] = []
    for event in events:
        one = admit_events(known, [event], NOW_MS, frozenset(seen))
        fresh.extend(one.events)
        seen.extend(one.seen)
    admitted = admit_events(together, events, NOW_MS)
    assert (list(admitted.events), list(admitted.seen)) == (fresh, seen)
    assert admitted.duplicates == len(events) - len(fresh)
    assert together == known


def test_an_id_is_the_lower_63_bits_of_its_owners_hash() -> None:
    whole = blake2b(b"w\x1fv\x1fx", digest_size=8).digest()
    assert id_hash("w", "v", "x") == int.from_bytes(whole, "big") % (1 << 63)


def test_events_without_an_id_are_never_repeats() -> None:
    event = Event("", "click", NOW_MS)
    assert len(admit_events(session(), [event, event], NOW_MS).events) == 2


def test_future_times_become_now_and_ancient_ones_a_day_old() -> None:
    future, ancient = Event("", "click", NOW_MS + 5), Event("", "click", 0)
    admitted = admit_events(session(), [future, ancient], NOW_MS).events
    assert [event.at_ms for event in admitted] == [NOW_MS, NOW_MS - EVENT_AGE_MS_MAX]
