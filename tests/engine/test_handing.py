"""Reports of what was written to sockets: gathered, noted once, tried again, bounded."""

import asyncio
from collections.abc import Sequence

import pytest

from engine import handing
from engine.errors import StoreUnavailable
from engine.handing import Handing
from engine.step import Arrived, Handed, step
from engine.stores.base import SessionRef
from tests.engine.world import HELP, world

pytestmark = pytest.mark.anyio

OFTEN = "policy { at most 5 per session\n wait 0s after message }\n" + HELP


class Noted:
    """Takes notes, or is told to fail."""

    def __init__(self, *, waits: bool = True) -> None:
        self.notes: list[tuple[str, list[str]]] = []
        self.told: list[str] = []
        self.failures: list[Exception] = []
        self.handing = Handing(self._note, waits=waits)
        self.handing.on_noted = self.told.extend

    async def _note(self, ref: SessionRef, message_ids: Sequence[str]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.notes.append((ref.session, list(message_ids)))

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.notes) < count:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.001)


def session(number: int) -> SessionRef:
    return SessionRef("w", "vis_1", f"chat_{number}")


async def test_reports_of_a_session_are_noted_together_and_told_only_then() -> None:
    noted = Noted()
    noted.handing.add(session(1), ["msg_1"])
    noted.handing.add(session(2), ["msg_2"])
    noted.handing.add(session(1), ["msg_3"])
    assert (noted.notes, noted.told) == ([], [])
    await noted.until(2)
    assert noted.notes == [("chat_1", ["msg_1", "msg_3"]), ("chat_2", ["msg_2"])]
    await asyncio.sleep(0)
    assert noted.told == ["msg_1", "msg_3", "msg_2"]


async def test_what_the_store_does_not_take_is_noted_later_with_what_came_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handing, "RETRY_S", 0.001)
    noted = Noted()
    noted.failures = [StoreUnavailable("unknown", 1)]
    noted.handing.add(session(1), ["msg_1"])
    async with asyncio.timeout(5):
        while noted.failures:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0)
    noted.handing.add(session(1), ["msg_2"])
    await noted.until(1)
    assert noted.notes == [("chat_1", ["msg_1", "msg_2"])]


@pytest.mark.parametrize("waits", [True, False])
async def test_a_report_that_cannot_be_noted_keeps_back_no_other(*, waits: bool) -> None:
    noted = Noted(waits=waits)
    noted.failures = [ValueError("strange")]
    noted.handing.add(session(1), ["msg_1"])
    noted.handing.add(session(2), ["msg_2"])
    await noted.until(1)
    await noted.handing.stop()
    assert noted.notes == [("chat_2", ["msg_2"])]


async def test_of_more_sessions_than_may_wait_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handing, "WAITING_LEN_MAX", 3)
    noted = Noted()
    for number in range(4):
        noted.handing.add(session(number), ["msg"])
    await noted.handing.stop()
    assert [name for name, _ in noted.notes] == ["chat_1", "chat_2", "chat_3"]


async def test_the_end_notes_what_is_left() -> None:
    noted = Noted()
    noted.handing.add(session(1), ["msg_1"])
    await noted.handing.stop()
    assert noted.notes == [("chat_1", ["msg_1"])]


async def test_that_a_message_was_handed_out_decides_nothing_and_leaves_the_wake_up() -> None:
    async with world(OFTEN) as shop:
        ref = await shop.session()
        await shop.view(ref, "/pricing")
        await shop.wait(45_000)
        found = await shop.runtime.read(ref)
        assert found is not None
        live, profile, program = found
        (message,) = live.messages
        wake_ms = live.wake_ms
        # The rule holds and its limit is spent: an event says so once, a report does not.
        now_ms = shop.clock.now_ms() + 1_000
        effect = step(program, live, profile, Handed(now_ms, (message.id,)), b"x" * 32)
        assert (effect.rows, message.status, live.wake_ms) == ([], "delivered", wake_ms)
        event = shop.event("click")
        effect = step(program, live, profile, Arrived(now_ms, (event,)), b"x" * 32)
        assert [row.outcome for row in effect.rows] == ["suppressed"]
