"""What is known of a worker's own commits is not read anew, and nothing old is taken for new."""

from collections.abc import AsyncIterator

import pytest

from engine.causes import Cause
from engine.errors import StoreUnavailable
from engine.stepper import OWN_COMMIT_MS_MAX, Prepare
from engine.stores.base import History, Loaded, SessionRef
from tests.engine.workers import Worker, Workers, workers
from tests.engine.world import HELP

pytestmark = pytest.mark.anyio


def counting(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that names each read of messages or a session that a worker does from now on."""
    reads: list[str] = []
    store = worker.store
    history, load = store.history, store.load

    async def history_read(ref: SessionRef, epoch: str | None, after: int) -> History:
        reads.append("history")
        return await history(ref, epoch, after)

    async def session_read(ref: SessionRef) -> Loaded:
        reads.append("session")
        return await load(ref)

    monkeypatch.setattr(store, "history", history_read)
    monkeypatch.setattr(store, "load", session_read)
    return reads


class Reader:
    """A socket at a worker: where it is in the sequence."""

    def __init__(self, worker: Worker, ref: SessionRef) -> None:
        self.worker, self.ref = worker, ref
        self.epoch, self.offset = "", 0

    async def open(self) -> "Reader":
        await self.worker.runtime.attach(self.ref, lambda: None)
        await self.pull()
        return self

    async def pull(self) -> list[str]:
        pulled = await self.worker.runtime.pull(self.ref, self.epoch or None, self.offset)
        self.epoch, self.offset = pulled.epoch, pulled.offset
        return [message.text for message in pulled.messages]


@pytest.fixture
async def pair() -> AsyncIterator[Workers]:
    async with workers(HELP, 2) as made:
        yield made


async def opened(pair: Workers) -> Reader:
    """Begin a session at the first worker, with a socket there."""
    first = pair.all[0]
    ref = await first.runtime.resolve("w", "site", "browser", "vis_1")
    await first.view(ref, "/pricing")
    return await Reader(first, ref).open()


async def test_what_this_worker_committed_is_shown_without_a_read(
    pair: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await opened(pair)
    reads = counting(reader.worker, monkeypatch)
    await reader.worker.runtime.say(reader.ref, "Hello", "c-1")
    assert (await reader.pull(), reads) == (["Hello"], [])
    assert (await reader.pull(), reads) == ([], [])


async def test_what_another_worker_committed_is_read(
    pair: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await opened(pair)
    await reader.worker.runtime.say(reader.ref, "One", "c-1")
    await pair.all[1].runtime.say(reader.ref, "Two", "c-2")
    await reader.worker.runtime.say(reader.ref, "Three", "c-3")
    reads = counting(reader.worker, monkeypatch)
    assert await reader.pull() == ["One", "Two", "Three"]
    assert "history" in reads


async def test_who_missed_the_commit_before_reads_both(pair: Workers) -> None:
    reader = await opened(pair)
    await reader.worker.runtime.say(reader.ref, "One", "c-1")
    await reader.worker.runtime.say(reader.ref, "Two", "c-2")
    assert await reader.pull() == ["One", "Two"]


async def test_another_sequence_is_not_taken_for_the_socket_s(pair: Workers) -> None:
    reader = await opened(pair)
    epoch = reader.epoch
    await reader.worker.runtime.say(reader.ref, "Hello", "c-1")
    pulled = await reader.worker.runtime.pull(reader.ref, "another", 0)
    assert (pulled.epoch, pulled.recovered) == (epoch, False)


async def test_after_a_moment_another_worker_may_know_of_a_newer_page(pair: Workers) -> None:
    reader = await opened(pair)
    worker, clock = reader.worker, reader.worker.clock
    clock.advance(45_000)
    await worker.view(reader.ref, "/pricing", 2)
    # The other worker learns that the visitor left the page, and says nothing that a socket hears of.
    await pair.all[1].view(reader.ref, "/elsewhere", 3)
    clock.advance(OWN_COMMIT_MS_MAX + 1)
    assert await reader.pull() == []


async def test_a_message_whose_page_was_left_here_is_not_shown(pair: Workers) -> None:
    reader = await opened(pair)
    reader.worker.clock.advance(45_000)
    await reader.worker.view(reader.ref, "/pricing", 2)
    await reader.worker.view(reader.ref, "/elsewhere", 3)
    assert await reader.pull() == []


# ---- what others are told


async def test_causes_follow_while_one_worker_commits_and_no_longer_when_another_did(
    pair: Workers,
) -> None:
    reader = await opened(pair)
    heard: list[bool] = []

    def hear(_: Cause, __: int, /, *, follows: bool = False) -> None:
        heard.append(follows)

    first, second = pair.all
    first.runtime.on_kept(hear)
    await first.runtime.say(reader.ref, "One", "c-1")
    assert heard
    assert all(heard)
    heard.clear()
    await second.runtime.say(reader.ref, "Two", "c-2")
    await first.runtime.say(reader.ref, "Three", "c-3")
    assert heard
    assert not any(heard)
    heard.clear()
    await first.runtime.say(reader.ref, "Four", "c-4")
    assert all(heard)


async def test_a_commit_that_could_not_be_answered_for_is_followed_by_nothing(
    pair: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await opened(pair)
    runtime = reader.worker.runtime
    heard: list[bool] = []

    def hear(_: Cause, __: int, /, *, follows: bool = False) -> None:
        heard.append(follows)

    class Full:
        """A file that cannot keep what was accepted."""

        def guarded(self, prepare: Prepare) -> Prepare:
            return prepare

        async def keep(self, *_: object) -> None:
            raise StoreUnavailable("unknown", 1)

    runtime.on_kept(hear)
    with monkeypatch.context() as patched:
        patched.setattr(runtime, "_resending", Full())
        with pytest.raises(StoreUnavailable):
            await runtime.say(reader.ref, "One", "c-1")
    await runtime.say(reader.ref, "Two", "c-2")
    assert heard
    assert not any(heard)
