"""A session comes to the same state whether it stays in memory or is read anew before each step."""

import pytest

from engine.events import Event
from engine.late import restart_order, revive
from engine.limits import LATE_MS_MAX, TAIL_EVENTS_MAX
from engine.profile import Profile
from engine.session import Session, new_session
from engine.step import Arrived, Handed, Input, TabClosed, step
from engine.stores.base import Entry, SessionRef
from engine.stores.codec import decode_session, encode_session
from tests.engine.world import HELP, SECRET, START_MS, program_of, world

PROGRAM = program_of(HELP)
OTHER = HELP.replace("time_on_page >= 45s", "at least 2 view in last 30s")


def began() -> Session:
    session = new_session("w", "vis_1", "chat_1", "site", START_MS)
    session.state.regs = PROGRAM.new_registers()
    session.program = PROGRAM.version
    return session


def reread(session: Session) -> Session:
    """Return a session as another worker reads it."""
    found = decode_session(encode_session(session))
    revive(PROGRAM, found)
    return found


def after(given: list[Input], *, is_reread: bool) -> Session:
    session, profile = began(), Profile("vis_1")
    for one in given:
        session = reread(session) if is_reread else session
        step(PROGRAM, session, profile, one, SECRET)
    return session


def arrived(number: int, at_ms: int, now_ms: int | None = None) -> Arrived:
    event = Event(
        f"pageload-{number}", "view", at_ms, "pageload", number, url="https://shop.test/a"
    )
    return Arrived(at_ms if now_ms is None else now_ms, (event,))


def test_a_tab_that_fell_silent_is_hidden_at_its_instant_however_late_that_is_seen() -> None:
    given: list[Input] = [
        arrived(1, START_MS),
        TabClosed(START_MS + 1_000, "pageload", START_MS + 26_000),
        # The session is looked at long after, by a step that brings no event.
        Handed(START_MS + 45_000, ("msg_1",)),
        arrived(2, START_MS + 70_000),
    ]
    kept, read = after(given, is_reread=False), after(given, is_reread=True)
    assert kept.state.site_seen_ms == read.state.site_seen_ms
    assert kept.state.page_seen_ms == read.state.page_seen_ms


def test_what_is_kept_for_late_events_does_not_grow_when_every_step_reads_anew() -> None:
    count = 3 * TAIL_EVENTS_MAX
    given: list[Input] = [arrived(n, START_MS + 1_000 * n) for n in range(1, count)]
    session = after(given, is_reread=True)
    assert len(session.tail) <= 2 * LATE_MS_MAX // 1_000 + 1
    late = arrived(count, START_MS + 1_000 * count - LATE_MS_MAX, START_MS + 1_000 * count)
    step(PROGRAM, session, Profile("vis_1"), late, SECRET)
    assert session.late_events == 0


def test_events_that_come_long_after_the_start_of_their_session_count_once() -> None:
    """Both were received too late for their own time: they take effect at one instant, with nothing before."""
    now_ms = START_MS + LATE_MS_MAX + 1
    given: list[Input] = [
        Arrived(now_ms, tuple(arrived(number, START_MS).events[0] for number in (1, 2))),
        arrived(3, START_MS + 3 * LATE_MS_MAX),
    ]
    assert after(given, is_reread=False).state.events == 3
    assert after(given, is_reread=True).state.events == 3
    assert reread(after(given, is_reread=False)).state.events == 3


def test_an_event_received_by_a_clock_that_is_behind_stays_in_the_count() -> None:
    """The order began anew at a worker; another one's clock is a little behind it."""
    session, profile = began(), Profile("vis_1")
    step(PROGRAM, session, profile, arrived(1, START_MS + 1_000), SECRET)
    restart_order(session)
    for number, at_ms in ((2, 990), (3, 2_000), (4, 2_000 + LATE_MS_MAX)):
        step(PROGRAM, session, profile, arrived(number, START_MS + at_ms), SECRET)
    assert session.state.events == 4
    assert reread(session).state == session.state


@pytest.mark.anyio
async def test_rules_that_came_and_went_unused_leave_no_trace_in_a_session() -> None:
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        stored = (await shop.store.load(ref)).state
        shop.runtime.workspaces.swap("w", "main", program_of(OTHER))
        assert await shop.runtime.read(ref) is not None
        shop.runtime.workspaces.swap("w", "main", shop.program)
        found = await shop.runtime.read(ref)
        assert found is not None
        assert encode_session(found[0]) == stored


@pytest.mark.anyio
async def test_rules_that_left_while_a_session_was_moved_to_them_leave_no_trace_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world(HELP) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        stored = (await shop.store.load(ref)).state
        shop.runtime.forget(ref)
        journal = shop.store.journal

        async def read_slowly(of: SessionRef, first: int, limit: int) -> list[Entry]:
            shop.runtime.workspaces.swap("w", "main", shop.program)
            return await journal(of, first, limit)

        monkeypatch.setattr(shop.store, "journal", read_slowly)
        shop.runtime.workspaces.swap("w", "main", program_of(OTHER))
        found = await shop.runtime.read(ref)
        assert found is not None
        assert found[0].program == shop.program.version
        assert encode_session(found[0]) == stored
