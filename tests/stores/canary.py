"""One visitor with a word in every field that a store keeps, for the suites that erase and export."""

from msgspec.structs import replace

from engine.stores.base import (
    Committed,
    Count,
    DecisionLine,
    Delivery,
    NewMessage,
    SessionRef,
    Store,
    StoredCause,
)
from tests.stores.steps import START_MS, step

ENDPOINT = "we_1"
DAY = "2027-01-15"


def ref_of(word: str, number: int = 1) -> SessionRef:
    """Name a session of the visitor that is called by the word."""
    return SessionRef("ws_a", f"visitor_{word}", f"chat_{word}_{number}")


def cause_of(word: str, name: str) -> StoredCause:
    """Make a cause of that visitor."""
    return StoredCause(f"evt_{word}_{name}", "ws_a", ref_of(word).visitor, _body(word, name))


def delivery_of(word: str, name: str, cause: str) -> Delivery:
    """Make a delivery of that visitor with the word in every text."""
    ref = ref_of(word)
    return Delivery(
        id=f"dlv_{word}_{name}",
        cause=cause,
        workspace=ref.workspace,
        visitor=ref.visitor,
        session=ref.session,
        endpoint=ENDPOINT,
        event=f"message.{word}",
        event_id=f"evt_{word}_id",
        body=_body(word, "delivery"),
        created_ms=START_MS,
        due_ms=START_MS,
        error=f"error {word}",
    )


async def keep_all(store: Store, word: str) -> None:
    """Keep one of everything of the visitor, in two sessions, and a settled delivery beside a pending one."""
    for number in (1, 2):
        await _keep_session(store, word, number)
    ref = ref_of(word)
    await store.resolve(f"client_{word}", ref)
    told, kept = (cause_of(word, name) for name in ("told", "kept"))
    await store.keep_causes([told, kept])
    pair = [delivery_of(word, name, told.id) for name in ("sent", "waits")]
    partition = store.partition_of(ref.workspace, ref.visitor)
    await store.settle_causes(partition, [told.id], pair)
    assert await store.settle_delivery(replace(pair[0], status="delivered", attempt=1))
    written = cause_of(word, "document")
    await store.put_doc("ws_a", "kind", f"of_{len(word)}", b"", 0, causes=(written,))


async def _keep_session(store: Store, word: str, number: int) -> None:
    ref = ref_of(word, number)
    found = await store.visitor(ref.workspace, ref.visitor)
    name = f"{word}_{number}"
    line = DecisionLine(f"dec_{name}", START_MS, f"rule {word}", word, _body(word, "decision"))
    made = step(
        0,
        ref,
        op=f"op_{name}",
        state=_body(word, "state"),
        entry=_body(word, "entry"),
        expect_profile=0 if found is None else found.version,
        profile=_body(word, "profile"),
        wake_ms=START_MS + 1_000,
        spend=1,
        messages=(NewMessage(f"msg_{name}", _body(word, "message")),),
        seen=(number,),
        ids=(f"conv_{name}",),
        decisions=(line,),
        causes=(cause_of(word, f"commit_{number}"),),
        counts=(Count(DAY, "sent"),),
    )
    assert isinstance(await store.commit(made), Committed)
    again = step(
        1,
        ref,
        op=f"op_{name}_2",
        state=_body(word, "state"),
        entry=_body(word, "entry"),
        wake_ms=START_MS + 1_000,
    )
    assert isinstance(await store.commit(again), Committed)


def _body(word: str, name: str) -> bytes:
    return f"{name} {word}".encode()
