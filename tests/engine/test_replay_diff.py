"""Two programs over the same recorded visits: what differs first, and what visitors did with messages."""

from collections.abc import AsyncIterator

import pytest

from engine.message import Message
from engine.replay_diff import SAMPLES_MAX, Comparison, ReplayDiff
from engine.stores.base import SessionRef
from engine.stores.codec import decode_entry
from tests.engine.world import SECRET, World, program_of, world

pytestmark = pytest.mark.anyio
TWO = """
policy {
  at most 5 per session
  wait 10s after message
  wait 24h after dismiss
}

rule opener "Opener" {
  on page "/pricing"
  when time_on_page >= 40s
  say "One?"
    reply "No" -> dismiss
}

rule closer "Closer" {
  on page "/pricing"
  when time_on_page >= 80s
  say "Two?"
    reply "No" -> dismiss
}
"""


@pytest.fixture
async def shop(anyio_backend: str) -> AsyncIterator[World]:
    async with world(TWO) as made:
        yield made


async def compare(shop: World, text: str, *refs: SessionRef) -> ReplayDiff:
    comparison = Comparison(shop.program, program_of(text), "w", SECRET)
    for ref in refs:
        entries = [decode_entry(entry.body) for entry in await shop.store.journal(ref)]
        comparison.take(ref, entries)
    return comparison.diff


async def messages(shop: World, ref: SessionRef) -> list[Message]:
    return list((await shop.runtime.pull(ref, None, 0)).messages)


async def show(shop: World, ref: SessionRef) -> str:
    message = (await messages(shop, ref))[-1]
    await shop.track(ref, "message_displayed", properties={"message_id": message.id})
    return message.id


async def test_after_the_first_difference_a_session_is_not_followed(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(45_000)
    await show(shop, ref)
    await shop.wait(60_000)
    assert [message.text for message in await messages(shop, ref)] == ["One?", "Two?"]
    diff = await compare(shop, TWO.replace("40s", "35s"), ref)
    assert (diff.gained, diff.lost, diff.moved) == (0, 0, 1)
    assert (diff.messages.old, diff.messages.new) == (1, 1)
    diff = await compare(shop, TWO.replace("80s", "90s"), ref)
    assert (diff.messages.old, diff.messages.new, diff.moved) == (2, 2, 1)
    (sample,) = diff.samples
    assert sample.old is not None
    assert sample.new is not None
    assert (sample.old.rule, sample.new.at_ms - sample.old.at_ms) == ("closer", 10_000)


async def test_a_message_that_the_visitor_closed_pauses_both(shop: World) -> None:
    """The message has its recorded id again, so that what was done with it counts."""
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(45_000)
    shown = await show(shop, ref)
    await shop.track(ref, "message_dismissed", properties={"message_id": shown})
    await shop.wait(60_000)
    assert [message.text for message in await messages(shop, ref)] == ["One?"]
    diff = await compare(shop, TWO, ref)
    assert (diff.messages.old, diff.messages.new) == (1, 1)
    assert (diff.gained, diff.lost, diff.moved) == (0, 0, 0)


async def test_caps_reach_over_the_sessions_of_a_visitor(anyio_backend: str) -> None:
    text = TWO.replace("at most 5 per session", "at most 1 per visitor")
    async with world(text) as shop:
        refs = []
        for number in range(2):
            ref = await shop.session(f"browser-{number}", visitor="v")
            await shop.view(ref, "/pricing")
            await shop.wait(3_600_000)
            refs.append(ref)
        diff = await compare(shop, text, *refs)
        assert (diff.sessions, diff.messages.old, diff.messages.new) == (2, 1, 1)


async def test_more_samples_than_are_named_are_counted(shop: World) -> None:
    refs = []
    for number in range(SAMPLES_MAX + 2):
        ref = await shop.session(f"browser-{number}", visitor=f"v{number}")
        await shop.view(ref, "/pricing")
        refs.append(ref)
    await shop.wait(60_000)
    diff = await compare(shop, TWO.replace("40s", "70s").replace("80s", "79s"), *refs)
    assert (diff.moved, len(diff.samples)) == (SAMPLES_MAX + 2, SAMPLES_MAX)


async def test_a_session_without_events_counts_for_nothing(shop: World) -> None:
    diff = await compare(shop, TWO, SessionRef("w", "v", "nobody"))
    assert diff.sessions == 0
