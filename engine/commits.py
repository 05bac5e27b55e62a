"""A step as one atomic commit: the new state, the journal entry, and everything the step added."""

from datetime import UTC, datetime

import msgspec

from engine.causes import encode_cause
from engine.effect import Effect
from engine.hot import HotSession
from engine.offers import Offer
from engine.session import Session
from engine.step import Input
from engine.stores.base import (
    Commit,
    Count,
    DecisionLine,
    NewMessage,
    SessionRef,
    StoredCause,
)
from engine.stores.codec import (
    JournalEntry,
    encode_entry,
    encode_item,
    encode_profile,
    encode_row,
    encode_session,
    row_digest,
)
from rules.compiler.program import Program


class Prepared(msgspec.Struct, frozen=True):
    """An input ready for its step, with the foreign ids that the commit checks; None: nothing to do."""

    given: Input | None
    seen: tuple[int, ...] = ()
    duplicates: int = 0
    fired_ms: int | None = None


class Taken(msgspec.Struct, frozen=True):
    """A step that was taken and is to be committed; `epoch_before` is the engagement epoch before it."""

    ref: SessionRef
    op: str
    given: Input
    effect: Effect
    epoch_before: int


def commit_of(program: Program, hot: HotSession, prepared: Prepared, taken: Taken) -> Commit:
    """Write a step down as the store takes it. The profile travels only when it changed."""
    session, effect = hot.session, taken.effect
    changed = effect.profile_changed
    return Commit(
        ref=taken.ref,
        op=taken.op,
        expect=hot.version,
        state=encode_session(session),
        entry=encode_entry(_entry(program, session, prepared, taken)),
        expect_profile=hot.profile_version if changed else None,
        profile=encode_profile(hot.profile) if changed else None,
        wake_ms=session.wake_ms if session.wake_ms >= 0 else None,
        fired_ms=prepared.fired_ms,
        engagement_epoch=session.epoch,
        spend=effect.spend,
        cap=_cap(program, session, taken.given) if effect.spend else 1,
        give_back=effect.give_back if session.epoch == taken.epoch_before else 0,
        messages=_messages(effect) if effect.items else (),
        seen=_marks(prepared, taken),
        ids=_ids(effect),
        decisions=_decisions(effect) if effect.rows else (),
        causes=_causes(effect) if effect.causes else (),
        counts=_counts(effect, taken.given.now_ms) if effect.counts else (),
        # An op is unlike every other, and so is the epoch that it names.
        new_epoch=taken.op if hot.is_rolled_back else None,
        closed=session.closed,
    )


def _marks(prepared: Prepared, taken: Taken) -> tuple[int, ...]:
    """Return what must not happen again; an offer that was refused may: it is judged anew."""
    is_refused = isinstance(taken.given, Offer) and taken.effect.refused is not None
    return () if is_refused else prepared.seen


def _messages(effect: Effect) -> tuple[NewMessage, ...]:
    return tuple(NewMessage(item.id, encode_item(item)) for item in effect.items)


def _decisions(effect: Effect) -> tuple[DecisionLine, ...]:
    return tuple(
        DecisionLine(row.id, row.at_ms, row.rule, row.outcome, encode_row(row))
        for row in effect.rows
    )


def _causes(effect: Effect) -> tuple[StoredCause, ...]:
    return tuple(StoredCause(c.id, c.workspace, c.visitor, encode_cause(c)) for c in effect.causes)


def _counts(effect: Effect, now_ms: int) -> tuple[Count, ...]:
    day = datetime.fromtimestamp(now_ms / 1_000, UTC).date().isoformat()
    return tuple(Count(day, name, number) for name, number in effect.counts.items())


def _entry(program: Program, session: Session, prepared: Prepared, taken: Taken) -> JournalEntry:
    effect = taken.effect
    return JournalEntry(
        program=program.version,
        source=session.source,
        given=taken.given,
        digests=tuple([row_digest(row) for row in effect.rows]),
        messages=tuple([message.id for message in effect.messages]),
        duplicates=prepared.duplicates,
    )


def _cap(program: Program, session: Session, given: Input) -> int:
    """Return the room of the session's cap in this epoch, counted as the store counts it."""
    room = 1 << 30
    if isinstance(given, Offer) and "frequency_cap" in given.draft.override:
        return room
    for cap in program.checked.policy.caps:
        if cap.scope != "session":
            continue
        before = 0
        if not cap.unless_engaged:
            before = sum(
                1
                for message in session.messages
                if message.kind == "proactive"
                and message.epoch != session.epoch
                and message.outcome not in ("expired", "withdrawn")
            )
        room = min(room, cap.number - before)
    return room


def _ids(effect: Effect) -> tuple[str, ...]:
    if not effect.items and not effect.rows and not effect.began:
        return ()
    ids = [message.id for message in effect.messages]
    ids.extend(row.message for row in effect.rows if row.message and row.message not in ids)
    ids.extend(row.id for row in effect.rows)
    if effect.began:
        ids.append(effect.began)
    return tuple(ids)
