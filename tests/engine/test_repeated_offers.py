"""One call that asks for a message, made twice at once: one message, and both callers are told of it."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.runtime_types import Draft, Offered, Refused
from engine.stores.base import Commit, CommitAnswer, History, SessionRef
from tests.engine.workers import Worker, hear, workers
from tests.engine.world import HELP

pytestmark = pytest.mark.anyio
DRAFT = Draft("Shall we help?", override=("first_message_delay",))


async def session(worker: Worker) -> SessionRef:
    ref = await worker.runtime.resolve("w", "site", "browser-1", "vis_1")
    await worker.view(ref, "/pricing")
    return ref


async def test_the_same_call_at_two_workers_at_once_is_one_message_for_both_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with workers(HELP, 2) as pair:
        quick, slow = pair.all
        ref = await session(quick)
        has_committed, commit = asyncio.Event(), slow.store.commit

        async def commit_later(wanted: Commit) -> CommitAnswer:
            await has_committed.wait()
            return await commit(wanted)

        monkeypatch.setattr(slow.store, "commit", commit_later)
        late = asyncio.create_task(slow.runtime.offer(ref, DRAFT, "call-1"))
        await hear()
        first = await quick.runtime.offer(ref, DRAFT, "call-1")
        has_committed.set()
        second = await late
        assert isinstance(first, Offered)
        assert isinstance(second, Offered)
        assert first.message.id == second.message.id
        assert len(await quick.store.journal(ref)) == 2


async def test_a_call_that_was_refused_is_judged_anew_when_it_comes_again() -> None:
    async with workers(HELP, 1) as alone:
        (worker,) = alone.all
        ref = await session(worker)
        hasty = Draft("Shall we help?", deliver="now_or_fail")
        refused = await worker.runtime.offer(ref, hasty, "call-1")
        assert isinstance(refused, Refused)
        await alone.pass_time(31_000)
        assert isinstance(await worker.runtime.offer(ref, hasty, "call-1"), Offered)


async def test_a_message_that_cannot_be_read_yet_is_not_made_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Chat messages are in the history alone, and that shows nothing before it is durable."""
    async with workers(HELP, 1) as alone:
        (worker,) = alone.all
        ref = await session(worker)
        await worker.runtime.say(ref, "Hello?")
        first = await worker.runtime.offer(ref, DRAFT, "call-1")
        assert isinstance(first, Offered)
        assert first.chat
        with monkeypatch.context() as hidden:

            async def nothing(*_: object) -> History:
                return History("", 0, recovered=True, messages=())

            hidden.setattr(worker.store, "history", nothing)
            with pytest.raises(StoreUnavailable):
                await worker.runtime.offer(ref, DRAFT, "call-1")
        again = await worker.runtime.offer(ref, DRAFT, "call-1")
        assert isinstance(again, Offered)
        assert again.message.id == first.message.id


async def test_a_session_that_is_gone_is_closed_for_offers() -> None:
    async with workers(HELP, 1) as alone:
        (worker,) = alone.all
        ref = SessionRef("w", "vis_1", "chat_lost")
        answer = await worker.runtime.offer(ref, DRAFT, "call-1")
        assert answer == Refused("session_closed", field="session_id")
