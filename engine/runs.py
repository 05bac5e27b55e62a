"""Runs of events in order that do nothing but be folded: the short way of most of what arrives.

`engine.late.take_event` is the long way, right for any event. A run does what it does, with what stays
the same from event to event asked once; the first event that may need more ends it.
"""

from collections.abc import Sequence

from engine.cart import CART_EVENTS
from engine.effects import EFFECTIVE_EVENTS
from engine.events import BROWSER_ORIGINS, Event, Scalar
from engine.fold import NOT_EVENTS, OF_TAB, apply_event, apply_plain, slim_event, text_chars
from engine.late import follows, move_base, restart_order
from engine.limits import LATE_MS_MAX, SESSION_EVENTS_MAX, TAIL_EVENTS_MAX, TAIL_TEXT_CHARS_MAX
from engine.message import Message
from engine.session import Session
from rules.compiler.folds import ACTIVITY
from rules.compiler.program import Program

OF_SENDER: frozenset[str] = frozenset({"consent", "identify"})
"""Events that say something of the visitor."""

_DO_MORE = EFFECTIVE_EVENTS | OF_SENDER
_SAY_MORE = OF_TAB | NOT_EVENTS | CART_EVENTS
"""Events that say more to the fold than that they happened."""

_NO_PROPERTIES: dict[str, object] = {}
_NO_ATTRIBUTES: dict[str, Scalar] = {}


def take_run(
    program: Program,
    session: Session,
    events: Sequence[Event],
    first: int,
    *,
    now_ms: int,
    until_ms: float,
) -> int:
    """Fold events from `first` on while they are usual ones before `until_ms`; return the place of the next."""
    state, tail = session.state, session.tail
    if not _can_run(program, session, len(events)):
        return first
    floor_ms = _floor_ms(session, now_ms)
    for place in range(first, len(events)):
        event = events[place]
        at_ms, name, tab = event.at_ms, event.name, event.tab
        if at_ms < floor_ms or at_ms >= until_ms or event.attributes or event.counted:
            return place
        if name in _DO_MORE or name in program.goal_events or event.origin not in BROWSER_ORIGINS:
            return place
        if at_ms <= state.clock_ms and not follows(program, session, event):
            return place
        if at_ms - session.middle_ms >= LATE_MS_MAX:
            move_base(session, at_ms)
            tail, floor_ms = session.tail, _floor_ms(session, now_ms)
        if at_ms > session.active_ms:  # noqa: PLR1730  # a call of max costs three times as much here
            session.active_ms = at_ms
        if (
            name in _SAY_MORE
            or name in program.field_plans
            or tab != state.tab
            or state.page_ms < 0
        ):
            slim = slim_event(program, event)
            tail.append(slim)
            session.values_rejected += apply_event(program, state, event)
            is_full = slim.properties and text_chars(slim) > TAIL_TEXT_CHARS_MAX
        else:
            # All that `slim_event` leaves of it.
            tail.append(
                Event(
                    "", name, at_ms, tab, event.sequence, None, None, None,
                    _NO_PROPERTIES, _NO_ATTRIBUTES, event.origin, False,
                )
            )  # fmt: skip
            apply_plain(program, state, event)
            is_full = False
        if is_full or len(tail) > TAIL_EVENTS_MAX:
            restart_order(session)
            tail, floor_ms = session.tail, _floor_ms(session, now_ms)
    return len(events)


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


def _floor_ms(session: Session, now_ms: int) -> int:
    """Return the instant before which an event is too late for its place."""
    return max(session.state.start_ms, session.base_ms, now_ms - LATE_MS_MAX)
