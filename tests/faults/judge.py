"""Reads what clients noted and what the store holds, and counts: lost, doubled, early."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from engine.clock import SystemClock
from engine.message import Item, Message
from engine.step import Woke, events_of
from engine.stores.base import SessionRef, Store
from engine.stores.codec import decode_entry, decode_item
from engine.stores.open import open_store
from tests.faults.load import History

WORKSPACE = "ws_test"
_FOREVER_MS = 1 << 62


class Held(msgspec.Struct):
    """What a store holds of all visitors.

    `events` counts how often each event id took effect. `messages` are the ids of proactive messages of
    each session and engagement epoch, in order; `places` are the most of them that had a place of the cap
    at the same time. `withdrawn` counts how often each message gave its place back. `granted` counts
    messages as the cap does, for each session. `visitors` tells whose each session is; `closed` have ended.
    `wakes` are the (due, taken) instants of each session's wake-ups, as its journal tells. `breaks` are
    sentences about a session whose parts do not fit each other.
    """

    events: Counter[str] = msgspec.field(default_factory=Counter)
    messages: dict[tuple[str, int], list[str]] = {}
    places: dict[tuple[str, int], int] = {}
    withdrawn: Counter[str] = msgspec.field(default_factory=Counter)
    visitors: dict[str, str] = {}
    closed: set[str] = set()
    granted: dict[str, int] = {}
    wakes: dict[str, list[tuple[int, int]]] = {}
    breaks: list[str] = []


class Verdict(msgspec.Struct, frozen=True):
    """What was acknowledged, what of it is gone, and what took effect more than once or unasked."""

    acked: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unasked: tuple[str, ...]


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Open the store that workers used."""
    store = await open_store(url, clock=SystemClock().now_ms, durability="D1")
    try:
        yield store
    finally:
        await store.close()


async def held_in(store: Store, workspace: str = WORKSPACE) -> Held:
    """Read everything of a workspace."""
    held = Held()
    async for ref, entries in store.scan(workspace, 0, _FOREVER_MS):
        numbers = [entry.number for entry in entries]
        if numbers != list(range(1, len(numbers) + 1)):
            held.breaks.append(f"{ref.session}: the journal has the numbers {numbers}")
        said: list[str] = []
        for entry in entries:
            decoded = decode_entry(entry.body)
            said += decoded.messages
            held.events.update(event.id for event in events_of(decoded.given) if event.id)
            if isinstance(decoded.given, Woke):
                woke = (decoded.given.due_ms, decoded.given.now_ms)
                held.wakes.setdefault(ref.session, []).append(woke)
        await _read_session(store, ref, said, held)
    return held


async def _read_session(store: Store, ref: SessionRef, said: list[str], held: Held) -> None:
    history = await store.history(ref, None, 0)
    loaded = await store.load(ref)
    items = [decode_item(message.body) for message in history.messages]
    for item in items:
        if isinstance(item, Message) and item.kind == "proactive":
            held.messages.setdefault((ref.session, item.epoch), []).append(item.id)
        elif not isinstance(item, Message) and item.name == "message_withdrawn":
            held.withdrawn[str(item.data["message_id"])] += 1
    most, left = places_of(items)
    held.places.update({(ref.session, epoch): number for epoch, number in most.items()})
    held.granted[ref.session] = loaded.granted
    held.visitors[ref.session] = ref.visitor
    if loaded.closed:
        held.closed.add(ref.session)
    if len(items) == history.offset and loaded.granted != left.get(loaded.engagement_epoch, 0):
        held.breaks.append(f"{ref.session}: {loaded.granted} are granted, {left} have a place")
    kept = [message.id for message in history.messages]
    if [name for name in said if name in kept] != [name for name in kept if name in said]:
        held.breaks.append(f"{ref.session}: the journal says {said}, the history holds {kept}")
    missing = [name for name in said if name not in kept]
    if missing and len(kept) < history.offset <= 256:
        held.breaks.append(f"{ref.session}: {missing} were committed and are not in the history")


def places_of(items: Sequence[Item]) -> tuple[dict[int, int], dict[int, int]]:
    """Count the messages with a place of the cap, by engagement epoch: the most at once, and in the end."""
    most: Counter[int] = Counter()
    left: Counter[int] = Counter()
    epochs: dict[str, int] = {}
    for item in items:
        if isinstance(item, Message):
            if item.kind == "proactive":
                epochs[item.id] = item.epoch
                left[item.epoch] += 1
                most[item.epoch] = max(most[item.epoch], left[item.epoch])
        elif item.name == "message_withdrawn" and str(item.data["message_id"]) in epochs:
            left[epochs[str(item.data["message_id"])]] -= 1
    return dict(most), dict(left)


def judge(history: History, held: Held) -> Verdict:
    """Compare what clients were told with what took effect."""
    acked, asked = history.acked(), history.asked()
    return Verdict(
        acked=len(acked),
        lost=tuple(sorted(acked - held.events.keys())),
        doubled=tuple(sorted(event for event, count in held.events.items() if count > 1)),
        unasked=tuple(
            sorted(event for event in held.events if event.startswith("ev_") and event not in asked)
        ),
    )


def over_the_cap(held: Held, cap: int = 1) -> list[str]:
    """Name the sessions in which more proactive messages of one engagement epoch had a place than the cap has."""
    return sorted({session for (session, _), most in held.places.items() if most > cap})


def shown_twice(history: History) -> list[str]:
    """Name the sessions whose socket was shown more than one proactive message."""
    return sorted(session for session, ids in history.shown.items() if len(set(ids)) > 1)


def early(held: Held) -> int:
    """Count wake-ups that were taken before they were due."""
    return sum(now_ms < due_ms for wakes in held.wakes.values() for due_ms, now_ms in wakes)
