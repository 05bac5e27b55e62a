"""Short words for the store suites: a clock that is set by hand, sessions, commits, all partitions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from anyio import fail_after
from msgspec.structs import replace

from engine.stores.base import (
    Commit,
    Committed,
    Delivery,
    Heard,
    NewMessage,
    SessionRef,
    Store,
    StoredCause,
)

START_MS = 1_800_000_000_000
REF = SessionRef("ws_a", "visitor_1", "chat_1")
OTHER = SessionRef("ws_a", "visitor_2", "chat_2")


class SteppedClock:
    """A clock that stands still until `now_ms` is changed."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def step(expect: int, ref: SessionRef = REF, **changes: object) -> Commit:
    """Make a commit over version `expect`; its op, state and entry are named by the number."""
    number = expect + 1
    fields: dict[str, object] = {
        "op": f"op_{ref.session}_{number}",
        "state": b"state %d" % number,
        "entry": b"entry %d" % number,
    }
    return Commit(ref=ref, expect=expect, **(fields | changes))  # type: ignore[arg-type]  # by name


def message(name: str) -> NewMessage:
    """Make a message."""
    return NewMessage(name, b"body of " + name.encode())


def a_cause(name: str, visitor: str = REF.visitor) -> StoredCause:
    """Make a cause of a visitor of `ws_a`."""
    return StoredCause(name, "ws_a", visitor, b"body of " + name.encode())


def a_delivery(name: str, cause: str = "", **changes: object) -> Delivery:
    """Make a delivery of `REF`'s visitor to the endpoint `we_1`, due at the start."""
    fields: dict[str, object] = {
        "workspace": REF.workspace,
        "visitor": REF.visitor,
        "session": REF.session,
        "endpoint": "we_1",
        "event": "message.sent",
        "event_id": f"evt_{name}",
        "body": b"body of " + name.encode(),
        "created_ms": START_MS,
        "due_ms": START_MS,
    }
    return Delivery(id=name, cause=cause, **(fields | changes))  # type: ignore[arg-type]  # by name


async def commit_all(store: Store, count: int, ref: SessionRef = REF) -> None:
    """Commit versions 1 to `count`."""
    for expect in range(count):
        assert isinstance(await store.commit(step(expect, ref)), Committed)


async def causes_of(store: Store) -> list[StoredCause]:
    """Read the causes of all partitions; only within one they are in the order of keeping."""
    found = [await store.take_causes(partition, limit=1_024) for partition in _all(store)]
    return [cause for of_one in found for cause in of_one]


async def due_of(
    store: Store, *, limit: int = 64, lease_ms: int = 500
) -> tuple[tuple[SessionRef, int], ...]:
    """Claim the wake-ups of all partitions that are due, `limit` in each, earliest first."""
    found: list[tuple[SessionRef, int]] = []
    for partition in _all(store):
        due = await store.claim_due(partition, limit=limit, lease_ms=lease_ms)
        found += due.sessions
    return tuple(sorted(found, key=lambda pair: pair[1]))


async def deliveries_of(store: Store, *, limit: int = 64) -> list[Delivery]:
    """Claim the deliveries of all partitions that are due, `limit` in each, earliest first."""
    found: list[Delivery] = []
    for partition in _all(store):
        found += (await store.claim_deliveries(partition, limit=limit)).deliveries
    return sorted(found, key=lambda delivery: (delivery.due_ms, delivery.id))


async def keep_deliveries(store: Store, deliveries: Iterable[Delivery]) -> None:
    """Keep deliveries of `REF`'s visitor, as those of a cause that is told."""
    partition = store.partition_of(REF.workspace, REF.visitor)
    kept = list(deliveries)
    await store.keep_causes([a_cause(f"of_{kept[0].id}")])
    named = [replace(delivery, cause=f"of_{kept[0].id}") for delivery in kept]
    await store.settle_causes(partition, [f"of_{kept[0].id}"], named)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that a store tells of in its own time; at most 2 s."""
    with fail_after(2):
        while not holds():  # noqa: ASYNC110 - of what a store does there is no event
            await asyncio.sleep(0.001)


async def heard(hints: AsyncIterator[Heard]) -> Heard:
    """Wait for the next hint; at most 2 s."""
    with fail_after(2):
        return await anext(hints)


def _all(store: Store) -> range:
    return range(store.partitions)
