"""The async shell on both embedded stores: once, in order, durable, replayed hash for hash."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.replay import replay_journal
from engine.runtime_types import ClientContext, Draft, Offered, Opening, Refused
from engine.stores.base import DecisionFilter, SessionRef
from engine.stores.codec import JournalEntry, decode_entry, decode_row, row_digest
from tests.engine.world import HELP, SECRET, START_MS, World, program_of, world

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory:", "sqlite"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path}/shop.db"
    async with world(HELP, url) as made:
        yield made


async def journal(world: World) -> list[tuple[SessionRef, JournalEntry]]:
    found: list[tuple[SessionRef, JournalEntry]] = []
    async for ref, entries in world.store.scan("w", 0, 1 << 62):
        found.extend((ref, decode_entry(entry.body)) for entry in entries)
    return sorted(found, key=lambda pair: pair[1].given.now_ms)


async def test_the_message_comes_when_it_is_due_and_never_again(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(44_999)
    assert await shop.messages(ref) == []
    await shop.wait(1)
    assert await shop.messages(ref) == ["Questions about pricing plans?"]
    await shop.view(ref, "/pricing")
    await shop.wait(600_000)
    assert (
        len(await shop.messages(ref)) == 0
    )  # displayed by nobody, it expired; the limit stays spent


async def test_a_socket_is_hinted_after_the_commit(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    hints: list[int] = []
    attachment = await shop.runtime.attach(ref, lambda: hints.append(shop.clock.now_ms()))
    assert attachment.offset == 0
    await shop.wait(60_000)
    assert hints == [START_MS + 45_000]
    await shop.runtime.detach(ref, attachment)


async def test_one_session_id_is_one_session_until_it_ends(shop: World) -> None:
    first = await shop.session("tab")
    assert await shop.session("tab") == first
    await shop.view(first, "/pricing")
    assert await shop.session("tab") == first
    shop.clock.advance(30 * 60_000)
    second = await shop.session("tab")
    assert second.session != first.session
    assert second.visitor == first.visitor


async def test_a_server_made_id_names_its_session(shop: World) -> None:
    view = await shop.runtime.open(Opening("w", "site", page_url="https://shop.test/pricing"))
    assert view.created
    assert await shop.runtime.resolve("w", "site", view.ref.session, None) == view.ref
    assert await shop.runtime.find("w", view.ref.session) == view.ref
    assert await shop.runtime.find("w", "chat_00000000000000000000000000") is None


async def test_a_visitor_with_an_active_session_gets_that_one(shop: World) -> None:
    first = await shop.runtime.open(Opening("w", "site", visitor="ann"))
    again = await shop.runtime.open(Opening("w", "site", visitor="ann", initial_message="Hello"))
    assert (again.ref, again.created, again.engaged) == (first.ref, False, True)


async def test_repeats_are_counted_and_have_no_effect(shop: World) -> None:
    ref = await shop.session()
    event = shop.event("view", url="https://shop.test/pricing", id="pageload-7")
    foreign = shop.event("click", id="anybody's id")
    once = await shop.runtime.track(ref, "site", [event, foreign], ClientContext())
    assert (once.accepted, once.duplicates) == (2, 0)
    twice = await shop.runtime.track(ref, "site", [event, foreign], ClientContext())
    assert (twice.accepted, twice.duplicates) == (0, 2)


async def test_a_click_engages_and_a_second_one_is_ignored(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(45_000)
    (message,) = (await shop.runtime.pull(ref, None, 0)).messages
    said = await shop.runtime.click(ref, message.id, "yes")
    assert said is not None
    assert (said.author, said.text, said.answer_to) == ("visitor", "Yes", "yes")
    assert await shop.runtime.click(ref, message.id, "yes") is None
    view = await shop.runtime.view(ref)
    assert view is not None
    assert (view.engaged, view.epoch) == (True, 1)


async def test_words_with_the_same_client_id_are_stored_once(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    assert await shop.runtime.say(ref, "Hello", "c-1") is not None
    assert await shop.runtime.say(ref, "Hello", "c-1") is None
    pulled = await shop.runtime.pull(ref, None, 0)
    assert [m.text for m in pulled.messages] == ["Hello"]


async def test_a_reader_resumes_behind_what_it_has(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/")
    for number in range(3):
        await shop.runtime.say(ref, f"word {number}", f"c-{number}")
    pulled = await shop.runtime.pull(ref, None, 0)
    later = await shop.runtime.pull(ref, pulled.epoch, 1)
    assert (later.recovered, [m.text for m in later.messages]) == (True, ["word 1", "word 2"])
    strange = await shop.runtime.pull(ref, "another", 1)
    assert not strange.recovered


async def test_a_message_whose_page_no_longer_fits_is_not_handed_out(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(45_000)
    await shop.view(ref, "/elsewhere")
    assert await shop.messages(ref) == []
    await shop.view(ref, "/pricing")
    assert await shop.messages(ref) == []


async def test_events_of_one_session_that_arrive_at_once_all_count(shop: World) -> None:
    ref = await shop.session()
    await asyncio.gather(*(shop.track(ref, "click") for _ in range(40)))
    entries = await journal(shop)
    names = [e.name for _, entry in entries for e in entry.given.events]  # type: ignore[union-attr]
    assert names.count("click") == 40


async def test_a_live_run_and_the_replay_of_its_journal_decide_the_same(shop: World) -> None:
    for number, path in enumerate(("/pricing", "/pricing", "/", "/pricing")):
        ref = await shop.session(f"browser-{number}", f"visitor-{number % 2}")
        await shop.view(ref, path)
        await shop.wait(7_000)
        await shop.track(ref, "scroll", properties={"depth": 50})
    await shop.wait(300_000)
    entries = await journal(shop)
    repeated = list(replay_journal(shop.program, entries, SECRET))
    assert len(repeated) == len(entries)
    decided = 0
    for entry, rows in repeated:
        assert tuple(row_digest(row) for row in rows) == entry.digests
        decided += len(rows)
    assert decided >= 2


async def test_the_ledger_tells_what_was_decided_and_why(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(60_000)
    page = await shop.store.decisions("w", DecisionFilter(session=ref.session))
    (row,) = [decode_row(found.line.body) for found in page.decisions]
    assert (row.at_ms, row.rule, row.outcome, row.reason) == (
        START_MS + 45_000, "help", "sent", "fired",
    )  # fmt: skip
    assert row.why == "help spoke on /pricing: 45 s"


async def test_a_replay_under_other_rules_does_not_decide_the_same(shop: World) -> None:
    """The control of the test above: digests do tell decisions apart."""
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(60_000)
    other = program_of(HELP.replace("45s", "44s"))
    repeated = list(replay_journal(other, await journal(shop), SECRET))
    assert any(tuple(row_digest(r) for r in rows) != entry.digests for entry, rows in repeated)


async def test_other_rules_apply_from_the_next_instant_and_history_counts(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/cart")
    await shop.track(ref, "click")
    await shop.wait(40_000)
    newer = program_of(
        HELP.replace('on page "/pricing"', 'on page "/cart"').replace(
            "time_on_page >= 45s", "time_on_page >= 10s and seen click"
        )
    )
    shop.runtime.workspaces.swap("w", "main", newer)
    await shop.track(ref, "scroll", properties={"depth": 30})
    assert len(await shop.messages(ref)) == 1


async def test_an_offer_is_held_until_the_first_message_may_come(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/offer")
    offered = await shop.runtime.offer(ref, Draft("Hello {name | there}!"))
    assert isinstance(offered, Offered)
    assert offered.deliver_after_ms == START_MS + 30_000
    assert await shop.messages(ref) == []
    await shop.wait(30_000)
    assert await shop.messages(ref) == ["Hello there!"]


async def test_of_many_offers_at_once_one_is_sent(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/offer")
    await shop.wait(31_000)
    answers = await asyncio.gather(*(shop.runtime.offer(ref, Draft("Hello!")) for _ in range(10)))
    assert sum(isinstance(answer, Offered) for answer in answers) == 1
    refused = {answer.reason for answer in answers if isinstance(answer, Refused)}
    assert refused == {"frequency_cap"}


async def test_a_browser_that_opts_out_is_not_approached_without_consent(shop: World) -> None:
    ref = await shop.session()
    event = shop.event("view", url="https://shop.test/pricing")
    await shop.runtime.track(ref, "site", [event], ClientContext(gpc=True))
    await shop.wait(100_000)
    assert await shop.messages(ref) == []
    await shop.runtime.track(
        ref,
        "site",
        [shop.event("consent", properties={"state": "granted"})],
        ClientContext(gpc=True),
    )
    assert len(await shop.messages(ref)) == 1


async def test_a_closed_store_accepts_nothing(tmp_path: Path) -> None:
    async with world(HELP) as made:
        ref = await made.session()
        await made.runtime.stop()
        with pytest.raises(StoreUnavailable):
            await made.view(ref, "/pricing")


async def test_a_restart_keeps_the_session_and_its_wake_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    async with world(HELP, url) as before:
        ref = await before.session()
        await before.view(ref, "/pricing")
    async with world(HELP, url) as after:
        after.clock.set(START_MS + 20_000)
        assert await after.session() == ref
        await after.wait(24_999)
        assert await after.messages(ref) == []
        await after.wait(1)
        assert await after.messages(ref) == ["Questions about pricing plans?"]


async def test_a_restart_under_other_rules_keeps_what_both_remember(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    clicks = HELP.replace("time_on_page >= 45s", "at least 2 click this session")
    async with world(clicks, url) as before:
        ref = await before.session()
        await before.view(ref, "/pricing")
        await before.track(ref, "click")
    more = clicks.replace("rule help", "rule first_help") + HELP.replace("rule help", "rule slow")
    async with world(more, url) as after:
        after.clock.set(START_MS + 31_000)
        await after.runtime.track(
            ref, "site", [after.event("click", id="pageload-99")], ClientContext()
        )
        assert await after.messages(ref) == ["Questions about pricing plans?"]
