"""Short words for the store suites: a clock that is set by hand, sessions, commits."""

from engine.stores.base import Commit, Committed, NewMessage, SessionRef, Store

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


async def commit_all(store: Store, count: int, ref: SessionRef = REF) -> None:
    """Commit versions 1 to `count`."""
    for expect in range(count):
        assert isinstance(await store.commit(step(expect, ref)), Committed)
