"""What `memory:` keeps of one visitor: found, shown and removed."""

from collections.abc import Iterator

from engine.limits import ERASED_KEPT_MS
from engine.stores.base import DecisionFound, Kept
from engine.stores.memory.state import MemoryState
from engine.stores.memory.tables import Record


def erase(state: MemoryState, workspace: str, visitor: str) -> bool:
    """See `Store.erase`."""
    tables, key = state.tables, (workspace, visitor)
    tables.tombs[key] = state.tick() + ERASED_KEPT_MS
    found = tables.profiles.get(workspace, {}).pop(visitor, None) is not None
    found |= tables.seen.pop(key, None) is not None
    for record in _records(state, workspace, visitor):
        state.wheels[state.partition_of(workspace, visitor)].disarm(record.slot)
        tables.erase(record)
        found = True
    for name, alias in list(tables.aliases.items()):
        if (name[0], alias.ref.visitor) == key:
            del tables.aliases[name]
            found = True
    for name in [name for name, ref in tables.ids.items() if (name[0], ref.visitor) == key]:
        del tables.ids[name]
    for place, decision in enumerate(tables.decisions):
        if decision is not None and (decision.ref.workspace, decision.ref.visitor) == key:
            tables.decisions[place] = None
            found = True
    return _erase_waiting(state, workspace, visitor) or found


def _erase_waiting(state: MemoryState, workspace: str, visitor: str) -> bool:
    deliveries = list(state.deliveries.of(workspace, visitor))
    for delivery in deliveries:
        state.deliveries.forget(delivery)
    found = bool(deliveries)
    for causes in state.tables.causes:
        of_one = [c.id for c in causes.values() if (c.workspace, c.visitor) == (workspace, visitor)]
        for name in of_one:
            del causes[name]
        found |= bool(of_one)
    return found


def profile_of(state: MemoryState, workspace: str, visitor: str) -> list[Kept]:
    """Show a visitor's profile."""
    found = state.tables.profile(workspace, visitor)
    return [] if found is None else [Kept("profile", "", visitor, found.at_ms, found.profile)]


def sessions_of(state: MemoryState, workspace: str, visitor: str) -> list[str]:
    """Name the sessions of which anything is kept, the oldest first."""
    names = {record.session for record in _records(state, workspace, visitor)}
    names |= {found.ref.session for found in _decisions(state, workspace, visitor)}
    names |= {
        alias.ref.session
        for (of_one, _), alias in state.tables.aliases.items()
        if (of_one, alias.ref.visitor) == (workspace, visitor)
    }
    return sorted(names)


def session_of(state: MemoryState, workspace: str, visitor: str, session: str) -> list[Kept]:
    """Show a session as of this instant, its entries, messages, decisions and names."""
    kept: list[Kept] = []
    for record in _records(state, workspace, visitor):
        if record.session == session:
            kept += _record(state, record)
    for found in _decisions(state, workspace, visitor):
        if found.ref.session == session:
            line = found.line
            kept.append(Kept("decision", session, line.id, line.at_ms, line.body))
    for (of_one, name), ref in state.tables.ids.items():
        if (of_one, ref.visitor, ref.session) == (workspace, visitor, session):
            kept.append(Kept("name", session, name, 0, b""))
    for (of_one, name), alias in state.tables.aliases.items():
        ref = alias.ref
        if (of_one, ref.visitor, ref.session) == (workspace, visitor, session):
            kept.append(Kept("alias", session, name, alias.at_ms, b""))
    return kept


def waiting_of(state: MemoryState, workspace: str, visitor: str) -> list[Kept]:
    """Show the causes and deliveries that name a visitor."""
    kept = [
        Kept("cause", "", cause.id, 0, cause.body)
        for causes in state.tables.causes
        for cause in causes.values()
        if (cause.workspace, cause.visitor) == (workspace, visitor)
    ]
    kept += [
        Kept("delivery", one.session, one.id, one.created_ms, one.body)
        for one in state.deliveries.of(workspace, visitor)
    ]
    return kept


def _record(state: MemoryState, record: Record) -> Iterator[Kept]:
    entries = list(state.tables.journal.chain(record.newest))
    newest_ms = entries[0].at_ms if entries else 0
    yield Kept("session", record.session, record.session, newest_ms, record.state or b"")
    for entry in reversed(entries):
        yield Kept("entry", record.session, str(entry.number), entry.at_ms, entry.body)
    for message in record.messages:
        yield Kept("message", record.session, message.id, 0, message.body)


def _records(state: MemoryState, workspace: str, visitor: str) -> list[Record]:
    """Find the sessions of a visitor, also those that were swept and still have a journal."""
    tables, free = state.tables, set(state.tables.free_slots)
    return [
        record
        for record in tables.records
        if (record.workspace, record.visitor) == (workspace, visitor) and record.slot not in free
    ]


def _decisions(state: MemoryState, workspace: str, visitor: str) -> list[DecisionFound]:
    return [
        found
        for found in state.tables.decisions
        if found is not None and (found.ref.workspace, found.ref.visitor) == (workspace, visitor)
    ]
