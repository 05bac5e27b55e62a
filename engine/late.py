"""Events in their order: the usual one at the end, a late one put in its place by folding again.

Two encoded states, ten seconds apart or more, are kept with the events applied since the older one. An
event that is up to ten seconds late is inserted into those events and they are folded anew from the
older state; a later one is only counted (LANGUAGE.md 10.4, 10.5; PERFORMANCE-NOTES.md 6).
"""

import msgspec

from engine.events import Event
from engine.fold import apply_event, slim_event, text_chars
from engine.limits import (
    LATE_MS_MAX,
    SESSION_EVENTS_MAX,
    TAIL_EVENTS_MAX,
    TAIL_TEXT_CHARS_MAX,
)
from engine.session import Session, State
from rules.compiler.program import Program

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def take_event(program: Program, session: Session, event: Event, now_ms: int) -> None:
    """Fold one event of a session: in order, in its place, or as counted only.

    `event.at_ms` <= `now_ms`, the receive time. The session's program is `program`.
    """
    state = session.state
    if state.events >= SESSION_EVENTS_MAX:
        state.events += 1
        return
    at_ms = event.at_ms
    if at_ms < state.start_ms or at_ms < session.base_ms or now_ms - at_ms > LATE_MS_MAX:
        event = _taken_late(session, event, now_ms)
        at_ms = event.at_ms
    slim = slim_event(program, event)
    if follows(program, session, event):
        if at_ms - session.middle_ms >= LATE_MS_MAX or session.base_ms < 0:
            move_base(session, at_ms)
        session.tail.append(slim)
        rejected = apply_event(program, state, event)
        if rejected:
            session.values_rejected += rejected
    else:
        _insert(program, session, slim)
    if len(session.tail) > TAIL_EVENTS_MAX or (
        (slim.properties or slim.attributes) and text_chars(slim) > TAIL_TEXT_CHARS_MAX
    ):
        restart_order(session)


def _taken_late(session: Session, event: Event, now_ms: int) -> Event:
    """Move what happened before the session's start to it, and count alone what is too late for its place."""
    start_ms = session.state.start_ms
    if now_ms - LATE_MS_MAX <= event.at_ms < start_ms:
        # Another request made the session a moment later: it begins with what happened before.
        event = msgspec.structs.replace(event, at_ms=start_ms)
    if now_ms - event.at_ms > LATE_MS_MAX or event.at_ms < session.base_ms:
        session.late_events += 1
        # Its own time no longer matters: it takes effect when it was received. By a clock that is behind that
        # may be before the order begins, and what stands there is not kept.
        at_ms = max(now_ms, session.base_ms)
        event = msgspec.structs.replace(event, at_ms=at_ms, counted=True)
    return event


def _order(event: Event) -> tuple[int, str, int]:
    return (event.at_ms, event.tab, event.sequence)


def follows(program: Program, session: Session, event: Event) -> bool:
    """Tell whether an event's place is behind all that were folded."""
    state, at_ms = session.state, event.at_ms
    if at_ms < state.event_ms:
        return False
    if at_ms < state.clock_ms and program.has_held:
        # A held condition was looked at after this event happened: look again, with it.
        return False
    if at_ms > state.event_ms or not session.tail:
        return True
    last = session.tail[-1]
    if last.at_ms == at_ms and last.tab == event.tab:
        return last.sequence <= event.sequence
    return _order(last) <= _order(event)


def move_base(session: Session, at_ms: int) -> None:
    """Keep what a late event needs: a state at least ten seconds old and the events since."""
    if session.base_ms < 0:
        session.base = session.middle = _encoder.encode(session.state)
        session.base_ms = session.middle_ms = session.state.start_ms
    # The very first event may come this long after the start: a later one of its instant must not
    # find a middle that holds it already.
    if at_ms - session.middle_ms >= LATE_MS_MAX:
        session.base, session.base_ms = session.middle, session.middle_ms
        session.middle, session.middle_ms = _encoder.encode(session.state), at_ms
        session.tail = [known for known in session.tail if known.at_ms >= session.base_ms]


def revive(program: Program, session: Session) -> None:
    """Make the state of a session that was stored without it: the events since `base`, folded again.

    `base` and the registers in it are those of `program`. `middle` is made again too: without it `base`
    would stay where it is while a session goes from worker to worker, until its tail is full.
    """
    if session.base:
        session.middle, session.middle_ms = session.base, session.base_ms
        session.state = _decoder.decode(session.base)
        for event in session.tail:
            if event.at_ms - session.middle_ms >= LATE_MS_MAX:
                session.middle, session.middle_ms = _encoder.encode(session.state), event.at_ms
            apply_event(program, session.state, event)


def restart_order(session: Session) -> None:
    """Forget the events that a late one could be put among: what comes now is the beginning."""
    session.base = session.middle = _encoder.encode(session.state)
    session.base_ms = session.middle_ms = session.state.clock_ms
    session.tail = []


def _insert(program: Program, session: Session, event: Event) -> None:
    events = session.state.events + 1
    tail = [*session.tail, event]
    tail.sort(key=_order)
    state = _decoder.decode(session.base)
    middle: bytes | None = None
    for known in tail:
        if middle is None and known.at_ms >= session.middle_ms:
            middle = _encoder.encode(state)
        apply_event(program, state, known)
    state.events = events
    session.state = state
    session.tail = tail
    if middle is not None and session.middle_ms > session.base_ms:
        session.middle = middle
