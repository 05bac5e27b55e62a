"""Runs of events in order that do nothing but be folded: the short way of most of what arrives.

`engine.late.take_event` is the long way, right for any event. A run does what it does, with what stays
the same from event to event asked once; the first event that may need more ends it.
"""

from collections.abc import Sequence

from engine.cart import CART_EVENTS
from engine.effects import EFFECTIVE_EVENTS
from engine.events import BROWSER_ORIGINS, Event
from engine.fold import NO_FIELDS, NOT_EVENTS, OF_TAB, absorb, slim_event, text_chars
from engine.late import follows, move_base, restart_order
from engine.limits import LATE_MS_MAX, SESSION_EVENTS_MAX, TAIL_EVENTS_MAX, TAIL_TEXT_CHARS_MAX
from engine.message import Message
from engine.session import Session, State
from rules.compiler.folds import ACTIVITY
from rules.compiler.program import Program

OF_SENDER: frozenset[str] = frozenset({"consent", "identify"})
"""Events that say something of the visitor."""

_DO_MORE = EFFECTIVE_EVENTS | OF_SENDER
_SAY_MORE = _DO_MORE | OF_TAB | NOT_EVENTS | CART_EVENTS
"""Events that say more to the fold than that they happened."""

_STILL = frozenset({"scroll", "show"})
"""Those of them that, in a visible current tab, change nothing that conditions read but the scroll depth."""


def take_run(
    program: Program,
    session: Session,
    events: Sequence[Event],
    first: int,
    *,
    now_ms: int,
    until_ms: int,
) -> int:
    """Fold events from `first` on while they are usual ones before `until_ms`; return the place of the next."""
    if len(events) - first < 2 or not _can_run(program, session, len(events)):
        return first
    state, page, steady_ms = session.state, program.page(session.state), 0
    tail, floor_ms, move_ms = _order_of(session, now_ms)
    for place in range(first, len(events)):
        event = events[place]
        at_ms, name = event.at_ms, event.name
        if not floor_ms <= at_ms < until_ms or event.attributes or event.counted:
            break
        if event.origin not in BROWSER_ORIGINS:
            break
        says_more = name in _SAY_MORE or name in program.read_events
        if says_more and (name in _DO_MORE or name in program.goal_events):
            break
        if at_ms <= state.clock_ms and not follows(program, session, event):
            break
        if at_ms >= move_ms:
            move_base(session, at_ms)
            tail, floor_ms, move_ms = _order_of(session, now_ms)
        tail.append(event)
        heard = None
        if at_ms < steady_ms and event.tab == state.tab and (not says_more or name in _STILL):
            heard = page.heard.get(name) or program.heard(page, name)
        if heard is None or heard.stirs:
            steady_ms = _take_whole(program, state, event, steady_ms)
            page = program.page(state)
        else:
            if at_ms > state.clock_ms:  # noqa: PLR1730  # a call of max costs three times as much here
                state.clock_ms = at_ms
            if says_more:
                absorb(program, state, event)
            else:
                # What `absorb` does with it.
                state.event_ms = state.tabs[state.tab].event_ms = at_ms
                state.events += 1
                state.last_event = name
                for function in heard.functions:
                    function(state.regs, NO_FIELDS, name in program.activities, at_ms)
        if len(tail) > TAIL_EVENTS_MAX or (says_more and _is_long(program, event)):
            restart_order(session)
            tail, floor_ms, move_ms = _order_of(session, now_ms)
    else:
        place = len(events)
    _finish(program, session, events[first:place])
    return place


def may_expire(message: Message) -> bool:
    """Tell whether a message was not seen yet, and nobody may see it once its time ran out."""
    return message.outcome is None and message.displayed_ms < 0 and message.kind == "proactive"


def _can_run(program: Program, session: Session, number: int) -> bool:
    """Tell whether nothing is to be looked at before or after each event."""
    return (
        session.base_ms >= 0
        and session.state.events + number <= SESSION_EVENTS_MAX
        and ACTIVITY not in program.goal_events
        and not (session.messages and any(map(may_expire, session.messages)))
    )


def _order_of(session: Session, now_ms: int) -> tuple[list[Event], int, int]:
    """Return what is kept for late events, and between which instants the next one takes its place in it."""
    floor_ms = max(session.state.start_ms, session.base_ms, now_ms - LATE_MS_MAX)
    return session.tail, floor_ms, session.middle_ms + LATE_MS_MAX


def _take_whole(program: Program, state: State, event: Event, steady_ms: int) -> int:
    """Fold an event that may change anything; nothing held changes before `steady_ms`.

    Returns:
        Until when nothing held changes now, 0 where an event of the current tab might show it.
    """
    if event.at_ms >= steady_ms:
        program.approach(state, event.at_ms)
    elif event.at_ms > state.clock_ms:
        state.clock_ms = event.at_ms
    # Without attributes nothing is rejected.
    absorb(program, state, event)
    steady_ms = program.look(state)
    # Where the current tab shows a page, an event there says nothing new of either.
    is_in_view = state.page_since_ms >= 0 and state.site_since_ms >= 0
    return steady_ms if is_in_view and state.tabs[state.tab].closes_ms < 0 else 0


def _is_long(program: Program, event: Event) -> bool:
    """Tell whether the texts of an event are too many to be kept with it."""
    return (
        bool(event.properties)
        and text_chars(event) > TAIL_TEXT_CHARS_MAX
        and text_chars(slim_event(program, event)) > TAIL_TEXT_CHARS_MAX
    )


def _finish(program: Program, session: Session, taken: Sequence[Event]) -> None:
    """Note that a run took events, and leave out what a second fold does not read of those still kept."""
    if not taken:
        return
    session.active_ms = max(session.active_ms, taken[-1].at_ms)
    tail = session.tail
    for place in range(max(0, len(tail) - len(taken)), len(tail)):
        tail[place] = slim_event(program, tail[place])
