"""What is being written reaches who listens, here and at other workers; nothing of it is kept or waited for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.conversations import writing as writing_module
from engine.conversations.answering import Answering
from engine.conversations.assistants import Piece, Reply
from engine.conversations.writing import TO_SEND_MAX, Delta, Typing, Writing
from engine.errors import StoreUnavailable
from engine.limits import WHISPER_BYTES_MAX
from engine.stores.base import SessionRef
from tests.engine.conversations.answerers import TERMS, Writer
from tests.engine.workers import Worker, hear, workers
from tests.engine.world import HELP, SECRET, world

pytestmark = pytest.mark.anyio

REF = SessionRef("w", "vis_1", "chat_1")
Heard = list[Typing | Delta]


class Ends:
    """Two workers: one that writes, and one with a socket that listens."""

    def __init__(self, here: Worker, there: Worker) -> None:
        self.here, self.there = here, there
        self.writing, self.elsewhere = Writing(here.runtime), Writing(there.runtime)
        self.heard: Heard = []
        self.sent: list[bytes] = []
        self._whisper = here.store.whisper
        here.store.whisper = self._note_sent  # type: ignore[method-assign]
        self.gate = asyncio.Event()
        self.gate.set()

    async def _note_sent(self, ref: SessionRef, body: bytes) -> bool:
        await self.gate.wait()
        self.sent.append(body)
        return await self._whisper(ref, body)

    async def attach(self) -> None:
        await self.there.runtime.attach(REF, lambda: None)
        self.elsewhere.listen(REF, self.heard.append)

    def text(self) -> str:
        return "".join(one.text for one in self.heard if isinstance(one, Delta))


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    async with workers(HELP, 2) as pair:
        made = Ends(*pair.all)
        yield made
        await made.writing.stop()


async def test_what_is_written_here_is_heard_at_another_worker_in_its_order(ends: Ends) -> None:
    await ends.attach()
    ends.writing.tell(REF, Typing(True))
    await hear()
    for piece in "A visit":
        ends.writing.tell(REF, Delta("msg_1", piece))
        await hear()
    ends.writing.tell(REF, Typing(False))
    await hear()
    assert (ends.heard[0], ends.heard[-1]) == (Typing(True), Typing(False))
    assert ends.text() == "A visit"


async def test_pieces_that_come_while_one_is_sent_are_sent_together(ends: Ends) -> None:
    await ends.attach()
    ends.gate.clear()
    for piece in "A visit":
        ends.writing.tell(REF, Delta("msg_1", piece))
        await hear()
    ends.writing.tell(REF, Delta("msg_2", "Two"))
    ends.gate.set()
    await hear()
    assert ends.heard == [Delta("msg_1", "A"), Delta("msg_1", " visit"), Delta("msg_2", "Two")]
    assert len(ends.sent) == 2


async def test_who_listens_here_hears_each_piece_at_once_and_not_again(ends: Ends) -> None:
    await ends.attach()
    here: Heard = []
    ends.writing.listen(REF, here.append)
    ends.writing.tell(REF, Delta("msg_1", "A"))
    ends.writing.tell(REF, Delta("msg_1", "B"))
    assert here == [Delta("msg_1", "A"), Delta("msg_1", "B")]
    await hear()
    assert len(here) == 2


async def test_of_a_session_without_sockets_elsewhere_little_is_sent(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_module, "ALONE_S", 0.2)
    await ends.here.runtime.attach(REF, lambda: None)
    for piece in "A visit":
        ends.writing.tell(REF, Delta("msg_1", piece))
        await hear()
    assert len(ends.sent) == 1
    await ends.attach()
    async with asyncio.timeout(5):
        while not ends.heard:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
    assert ends.heard == [Delta("msg_1", " visit")]


async def test_too_many_pieces_that_wait_are_left_out(ends: Ends) -> None:
    await ends.attach()
    ends.gate.clear()
    ends.writing.tell(REF, Typing(True))
    await hear()
    for number in range(TO_SEND_MAX + 5):
        ends.writing.tell(REF, Delta(f"msg_{number}", "x"))
    ends.gate.set()
    await hear()
    assert len(ends.heard) == 1 + TO_SEND_MAX


async def test_a_whole_reply_of_the_longest_fits_into_one_whisper(ends: Ends) -> None:
    await ends.attach()
    text = "\U0001f600" * 4_000
    ends.writing.tell(REF, Delta("msg_1", text))
    await hear()
    assert ends.text() == text
    assert len(ends.sent[0]) < WHISPER_BYTES_MAX


async def test_a_store_that_is_away_costs_only_what_waits(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ends.attach()

    async def refuse(ref: SessionRef, body: bytes) -> bool:
        raise StoreUnavailable("none", 1_000)

    with monkeypatch.context() as patch:
        patch.setattr(ends.here.store, "whisper", refuse)
        ends.writing.tell(REF, Delta("msg_1", "lost"))
        await hear()
    ends.writing.tell(REF, Delta("msg_1", "heard"))
    await hear()
    assert ends.heard == [Delta("msg_1", "heard")]


async def test_words_of_another_version_are_not_heard(ends: Ends) -> None:
    await ends.attach()
    for body in (b"", b"\xc1", b"\x91\x82"):
        assert await ends.here.runtime.whisper(REF, body)
    ends.writing.tell(REF, Typing(True))
    await hear()
    assert ends.heard == [Typing(True)]


async def test_in_a_store_of_one_process_nothing_is_sent() -> None:
    async with world(HELP) as shop:
        alone, heard = Writing(shop.runtime), Heard()
        alone.listen(REF, heard.append)
        alone.tell(REF, Typing(True))
        assert (heard, alone._sending, alone._to_send) == ([Typing(True)], set(), {})


async def test_nothing_is_sent_after_the_end(ends: Ends) -> None:
    await ends.attach()
    ends.gate.clear()
    ends.writing.tell(REF, Typing(True))
    await hear()
    await ends.writing.stop()
    ends.gate.set()
    await hear()
    assert (ends.sent, ends.heard, ends.writing._to_send) == ([], [], {})


async def test_an_assistant_s_pieces_are_heard_at_another_worker(ends: Ends) -> None:
    ref = await ends.here.runtime.resolve("w", "site", "browser-1", "vis_9")
    await ends.here.view(ref, "/prices")
    message = await ends.here.runtime.say(ref, "How much?")
    assert message is not None
    writer = Writer(Piece("A vi"), Piece("sit"), Reply("A visit."))
    answers = Answering(ends.here.runtime, {"w": (TERMS,)}, SECRET, lambda _: writer)
    await ends.there.runtime.attach(ref, lambda: None)
    ends.elsewhere.listen(ref, ends.heard.append)
    reply = await answers.answer(ref, message.id)
    await hear()
    await answers.stop()
    assert reply is not None
    assert (ends.heard[0], ends.heard[-1]) == (Typing(True), Typing(False))
    assert {one.id for one in ends.heard if isinstance(one, Delta)} == {reply.id}
    assert ends.text() == "A visit"
