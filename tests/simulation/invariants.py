"""What must hold after every step and at the end, whatever happened: each a function that says what is broken."""

from collections.abc import Callable, Iterable

from engine.causes import FollowUp, Said, decode_cause
from engine.ids import derived_id
from engine.message import Message
from engine.session import Session
from engine.stores.base import SessionRef
from engine.stores.codec import decode_item, decode_profile
from tests.engine.world import SECRET
from tests.simulation.breaches import hold
from tests.simulation.copies import Copy
from tests.simulation.ledger import Ledger
from tests.simulation.programs import programs, session_cap
from tests.simulation.retelling import GIVEN_BACK, Retelling
from tests.simulation.visitors import Tab, Visitor
from tests.simulation.workers import ENDPOINT

VISITOR_CAP = 3
OVERDUE_MS = 2_500
_GONE = ("expired", "withdrawn", "held_out")


class Scene:
    """What the invariants look at: the store that is the primary now, and what everybody was told."""

    def __init__(
        self,
        primary: Copy,
        ledger: Ledger,
        retelling: Retelling,
        visitors: Iterable[Visitor],
        now_ms: int,
    ) -> None:
        self.primary = primary
        self.ledger = ledger
        self.retelling = retelling
        self.visitors = tuple(visitors)
        self.now_ms = now_ms


# ---- after every step


def the_journal_tells_the_state(scene: Scene) -> None:
    """State is a fold of the journal, and decisions taken again are the same ones."""
    scene.retelling.follow(scene.primary)


def an_answered_event_is_kept_once(scene: Scene) -> None:
    """R2 and R7: what was answered with success is in the journals of its visitor, once."""
    events = scene.primary.events
    for name, visitor in scene.ledger.events.items():
        is_kept = any((one, name) in events for one in visitor.ids)
        hold("R2", that=is_kept, else_say=f"{name} was answered and is not in the journal")
    for (_, name), sessions in events.items():
        count = sum(sessions.values())
        hold("R7", that=count == 1, else_say=f"{name} had {count} effects")


def offsets_are_dense(scene: Scene) -> None:
    """Messages have the offsets up to the newest one, without gaps."""
    for record in scene.primary.state.tables.sessions.get("w", {}).values():
        offsets = [message.offset for message in record.messages]
        head = record.head
        wanted = list(range(head.offset - len(offsets) + 1, head.offset + 1))
        hold(
            "offsets",
            that=offsets == wanted,
            else_say=f"{record.session} has {offsets} at {head.offset}",
        )


def a_session_has_its_one_wake_up(scene: Scene) -> None:
    """A session that waits for an instant stands in the wheel, one that does not is not there."""
    state = scene.primary.state
    for record in state.tables.sessions.get("w", {}).values():
        wheel = state.wheels[state.partition_of("w", record.visitor)]
        waits = wheel.due(record.slot) is not None
        due = record.head.due_ms >= 0
        hold(
            "wake-up", that=waits == due, else_say=f"{record.session} is due: {due}, waits: {waits}"
        )


def a_screen_shows_no_more_than_the_cap(scene: Scene) -> None:
    """R1 as the visitor sees it: distinct ids on screens, but for those whose place was given back."""
    cap = max(map(session_cap, programs()))
    sessions = {ref.session: told.session for ref, told in scene.retelling.told.items()}
    for visitor in scene.visitors:
        if visitor.erased_s is not None:
            # Nobody knows any more which of them were given back.
            continue
        for (session_id, epoch), shown in visitor.shown.items():
            held = [name for name in shown if not _is_given_back(sessions.get(session_id), name)]
            hold(
                "R1",
                that=len(held) <= cap,
                else_say=f"{session_id} showed {sorted(held)} in epoch {epoch}",
            )


def a_person_gets_no_more_than_their_cap(scene: Scene) -> None:
    """R12: messages of all sessions of a person; each session that ran at a merge may add one."""
    people: dict[str, int] = {}
    for ref, told in scene.retelling.told.items():
        person = _person(scene, ref.visitor)
        if told.session is not None:
            people[person] = people.get(person, 0) + _held(told.session)
    for person, count in people.items():
        running = {name for v in scene.visitors if person in v.ids for name in v.merge_sessions}
        room = VISITOR_CAP + len(running)
        hold("R12", that=count <= room, else_say=f"{person} has {count} messages, room is {room}")


def nothing_is_left_of_who_was_erased(scene: Scene) -> None:
    """R13: no table, and nobody's profile, names somebody whose erasure was confirmed."""
    tables, erased = scene.primary.state.tables, scene.ledger.erased
    if not erased:
        return
    found = [ref.visitor for ref in tables.ids.values()]
    found += [record.visitor for record in tables.sessions.get("w", {}).values()]
    found += [alias.ref.visitor for alias in tables.aliases.values()]
    found += [decision.ref.visitor for decision in tables.decisions if decision is not None]
    found += tables.profiles.get("w", {})
    for record in tables.profiles.get("w", {}).values():
        profile = decode_profile(record.profile)
        found += (profile.merged_into, profile.joining, *profile.identities)
    found += [visitor for _, visitor in tables.seen]
    found += [_named(cause.body) for causes in tables.causes for cause in causes.values()]
    left = erased.keys() & set(found)
    hold("R13", that=not left, else_say=f"{sorted(left)} are back after they were erased")


ALWAYS: tuple[Callable[[Scene], None], ...] = (
    the_journal_tells_the_state,
    an_answered_event_is_kept_once,
    offsets_are_dense,
    a_session_has_its_one_wake_up,
    a_screen_shows_no_more_than_the_cap,
    a_person_gets_no_more_than_their_cap,
    nothing_is_left_of_who_was_erased,
)

# ---- at the end, with the faults off and some time passed


def every_cause_was_told(scene: Scene) -> None:
    """What a commit wants told was told, its deliveries are kept, and nothing waits."""
    waiting = [name for causes in scene.primary.state.tables.causes for name in causes]
    hold("causes", that=not waiting, else_say=f"{waiting[:3]} wait to be told")
    for name, stored in scene.primary.causes.items():
        cause = decode_cause(stored.body)
        if isinstance(cause.body, FollowUp) or stored.visitor in scene.ledger.erased:
            continue
        hold("causes", that=name in scene.ledger.told, else_say=f"{name} was never told")
        if isinstance(cause.body, Said):
            delivery = derived_id("dlv", SECRET, name, ENDPOINT)
            kept = scene.primary.state.deliveries.find("w", ENDPOINT, delivery)
            hold("R9", that=kept is not None, else_say=f"no delivery came of {name}")


def nothing_is_overdue(scene: Scene) -> None:
    """R8: no wake-up is late by more than its bound."""
    for record in scene.primary.state.tables.sessions.get("w", {}).values():
        due_ms = record.head.due_ms
        late = 0 <= due_ms < scene.now_ms - OVERDUE_MS
        hold(
            "R8",
            that=not late,
            else_say=f"{record.session} has been due for {scene.now_ms - due_ms} ms",
        )


def everybody_was_answered(scene: Scene) -> None:
    """Events that are sent again are accepted in the end."""
    for visitor in scene.visitors:
        for tab in visitor.tabs:
            names = [event.id for event in tab.pending]
            hold("R2", that=not names, else_say=f"{names[:3]} are never accepted")


def every_tab_has_every_message(scene: Scene) -> None:
    """R10: who reads on misses nothing but what nobody may see any more."""
    for visitor in scene.visitors:
        for tab in visitor.tabs:
            if tab.read_ref is not None and not any(i in scene.ledger.erased for i in visitor.ids):
                _check_read(scene, tab, tab.read_ref)


def _check_read(scene: Scene, tab: Tab, ref: SessionRef) -> None:
    record = scene.primary.state.tables.session(ref)
    told = scene.retelling.told.get(ref)
    if record is None or told is None or told.session is None:
        return
    for kept in record.messages:
        item = decode_item(kept.body)
        known = told.session.message(kept.id)
        is_gone = known is not None and known.outcome in _GONE
        has = kept.id in tab.seen or is_gone or not isinstance(item, Message)
        hold(
            "R10",
            that=has,
            else_say=f"{tab.load} never got {kept.id} at {kept.offset} of {ref.session}",
        )


FINALLY: tuple[Callable[[Scene], None], ...] = (
    *ALWAYS,
    every_cause_was_told,
    nothing_is_overdue,
    everybody_was_answered,
    every_tab_has_every_message,
)


def _is_given_back(session: Session | None, name: str) -> bool:
    message = None if session is None else session.message(name)
    return message is not None and message.outcome in GIVEN_BACK


def _held(session: Session) -> int:
    return sum(m.kind == "proactive" and m.outcome not in GIVEN_BACK for m in session.messages)


def _person(scene: Scene, visitor: str) -> str:
    return next((v.known for v in scene.visitors if v.known and visitor in v.ids), visitor)


def _named(body: bytes) -> str:
    """Name the visitor that a cause tells of; the one that tells of an erasure names the id only."""
    cause = decode_cause(body)
    return "" if type(cause.body).__name__ == "VisitorErased" else cause.visitor
