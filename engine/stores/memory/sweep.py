"""Retention of `memory:`: what an ended session, an old entry or an old id leaves behind."""

from engine.limits import ALIAS_KEPT_MS, BOOKINGS_KEPT_MS, SEEN_KEPT_MS
from engine.stores.base import Retention, Swept
from engine.stores.days import utc_day
from engine.stores.memory.tables import Record, Tables


def sweep(tables: Tables, retention: Retention, now_ms: int) -> Swept:
    """Remove everything whose time is over, in one slice."""
    sessions = _sweep_sessions(tables, now_ms - retention.ended_ms)
    entries = tables.journal.forget_before(now_ms - retention.events_ms)
    others = _sweep_ids(tables, now_ms)
    others += _sweep_decisions(tables, now_ms - retention.decisions_ms)
    others += _sweep_profiles(tables, now_ms - retention.profiles_ms)
    others += _sweep_counters(tables, utc_day(now_ms - retention.decisions_ms))
    others += _sweep_bookings(tables, now_ms - BOOKINGS_KEPT_MS)
    others += _sweep_tombs(tables, now_ms)
    return Swept(sessions, entries, others, more=False)


def _sweep_sessions(tables: Tables, ended_before_ms: int) -> int:
    count = 0
    for of_one in tables.sessions.values():
        over = [r for r in of_one.values() if _is_over(r, ended_before_ms)]
        for record in over:
            del of_one[record.session]
            tables.swept.setdefault(record.workspace, {})[record.session] = record.visitor
            record.state, record.messages = None, ()
        count += len(over)
    free = set(tables.free_slots)
    for record in tables.records:
        is_swept = record.state is None and record.slot not in free
        if is_swept and record.newest < tables.journal.start:
            tables.free(record)
    return count


def _sweep_ids(tables: Tables, now_ms: int) -> int:
    count = 0
    for visitor, ids in list(tables.seen.items()):
        old = [event for event, at_ms in ids.items() if at_ms <= now_ms - SEEN_KEPT_MS]
        for event in old:
            del ids[event]
        count += len(old)
        if not ids:
            del tables.seen[visitor]
    for name, alias in list(tables.aliases.items()):
        is_live = alias.ref.session in tables.sessions.get(alias.ref.workspace, {})
        if not is_live and alias.at_ms <= now_ms - ALIAS_KEPT_MS:
            del tables.aliases[name]
            count += 1
    return count


def _sweep_decisions(tables: Tables, before_ms: int) -> int:
    count = 0
    for place, found in enumerate(tables.decisions):
        if found is not None and found.line.at_ms <= before_ms:
            tables.decisions[place] = None
            count += 1
    return count


def _sweep_profiles(tables: Tables, before_ms: int) -> int:
    count = 0
    for of_one in tables.profiles.values():
        old = [visitor for visitor, kept in of_one.items() if kept.at_ms <= before_ms]
        for visitor in old:
            del of_one[visitor]
        count += len(old)
    return count


def _sweep_counters(tables: Tables, before_day: str) -> int:
    old = [key for key in tables.counters if key[1] < before_day]
    return sum(len(tables.counters.pop(key)) for key in old)


def _sweep_bookings(tables: Tables, before_ms: int) -> int:
    count = 0
    for key, taken in list(tables.bookings.items()):
        old = [booking for booking, at_ms in taken.items() if at_ms <= before_ms]
        for booking in old:
            del taken[booking]
        count += len(old)
        if not taken:
            del tables.bookings[key]
    return count


def _sweep_tombs(tables: Tables, now_ms: int) -> int:
    old = [key for key, until_ms in tables.tombs.items() if until_ms <= now_ms]
    for key in old:
        del tables.tombs[key]
    return len(old)


def _is_over(record: Record, ended_before_ms: int) -> bool:
    return 0 <= record.head.closed_ms <= ended_before_ms and record.head.due_ms < 0
