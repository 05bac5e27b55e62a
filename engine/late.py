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
    if now_ms - LATE_MS_MAX <= event.at_ms < state.start_ms:
        # Another request made the session a moment later: it begins with what happened before.
        event = msgspec.structs.replace(event, at_ms=state.start_ms)
    if now_ms - event.at_ms > LATE_MS_MAX or event.at_ms < session.base_ms:
        session.late_events += 1
        # Its own time no longer matters: it takes effect when it was received. By a clock that is behind that
        # may be before the order begins, and what stands there is not kept.
        at_ms = max(now_ms, session.base_ms)
        event = msgspec.structs.replace(event, at_ms=at_ms, counted=True)
    slim = slim_event(program, event)
    if _follows(program, session, event):
        _remember(session, slim)
        session.values_rejected += _fold_at(program, state, event)
    else:
        _insert(program, session, slim)
    has_text = slim.properties or slim.attributes
    if len(session.tail) > TAIL_EVENTS_MAX or (has_text and text_chars(slim) > TAIL_TEXT_CHARS_MAX):
        restart_order(session)


def _order(event: Event) -> tuple[int, str, int]:
    return (event.at_ms, event.tab, event.sequence)


def _follows(program: Program, session: Session, event: Event) -> bool:
    state = session.state
    if event.at_ms < state.event_ms:
        return False
    if event.at_ms < state.clock_ms and program.has_held:
        # A held condition was looked at after this event happened: look again, with it.
        return False
    return (
        event.at_ms > state.event_ms
        or not session.tail
        or _order(session.tail[-1]) <= _order(event)
    )


def _remember(session: Session, event: Event) -> None:
    """Keep what a late event needs: a state at least ten seconds old and the events since."""
    if session.base_ms < 0:
        session.base = session.middle = _encoder.encode(session.state)
        session.base_ms = session.middle_ms = session.state.start_ms
    # The very first event may come this long after the start: a later one of its instant must not
    # find a middle that holds it already.
    if event.at_ms - session.middle_ms >= LATE_MS_MAX:
        session.base, session.base_ms = session.middle, session.middle_ms
        session.middle, session.middle_ms = _encoder.encode(session.state), event.at_ms
        session.tail = [known for known in session.tail if known.at_ms >= session.base_ms]
    session.tail.append(event)


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
            _fold_at(program, session.state, event)


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
        _fold_at(program, state, known)
    state.events = events
    session.state = state
    session.tail = tail
    if middle is not None and session.middle_ms > session.base_ms:
        session.middle = middle


def _fold_at(program: Program, state: State, event: Event) -> int:
    at_ms = max(state.clock_ms, event.at_ms)
    if not program.has_held:
        state.clock_ms = at_ms
        return apply_event(program, state, event)
    program.approach(state, at_ms)
    rejected = apply_event(program, state, event)
    program.observe(state, at_ms)
    return rejected
