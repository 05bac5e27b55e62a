"""What is told again is what happened: the same rows, and records that agree with the decisions."""

from collections.abc import AsyncIterator

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conversations.orders import Post
from engine.explain import Record
from engine.profile import Profile
from engine.runtime_types import Draft
from engine.stores.base import DecisionFilter, SessionRef
from engine.stores.codec import decode_entry, decode_profile, decode_row, row_digest
from engine.why import Recorded, Retelling, nearest_first, profile_before, record_of, why
from tests.engine.world import SECRET, START_MS, World, program_of, world

pytestmark = pytest.mark.anyio
RULES = """
policy {
  first message after 30s
  at most 1 per session unless engaged
  wait 24h after dismiss
}

rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 45s
  priority 60
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}

rule early "Early" {
  on page "/pricing"
  when time_on_page >= 20s
  unless seen add_to_cart
  priority 40
  say "Looking around?"
}

rule elsewhere "Elsewhere" {
  on page "/docs"
  when time_on_page >= 20s
  say "Reading?"
}
"""


OTHER = program_of(RULES.replace("seen add_to_cart", "seen add_to_cart in last 5m"))
ACTS = ["view", "hide", "show", "add_to_cart", "wait", "say", "post", "offer", "publish", "display"]


@pytest.fixture
async def shop(anyio_backend: str) -> AsyncIterator[World]:
    async with world(RULES) as made:
        yield made


async def retold(
    shop: World, refs: list[SessionRef], until_ms: int = 1 << 60, number: int = 1 << 60
) -> Retelling:
    """Tell the sessions again and compare every row with what the journal says of it."""
    record = await shop.store.visitor("w", refs[0].visitor)
    known = Profile(refs[0].visitor) if record is None else decode_profile(record.profile)
    pairs = []
    for ref in refs:
        pairs += [
            (entry.at_ms, Recorded(ref, entry.number, decode_entry(entry.body)))
            for entry in await shop.store.journal(ref)
        ]
    before = profile_before(known, frozenset(ref.session for ref in refs), START_MS)
    programs = {shop.program.version: shop.program, OTHER.version: OTHER}
    retelling = Retelling(before, lambda _site, version: programs[version], SECRET)
    for _, one in sorted(pairs, key=lambda pair: pair[0]):
        if one.entry.given.now_ms <= until_ms and (one.ref != refs[-1] or one.number <= number):
            rows = retelling.take(one)
            assert tuple(row_digest(row) for row in rows) == one.entry.digests
    return retelling


async def explained(shop: World, ref: SessionRef, rule: str, at_ms: int) -> Record:
    scene = (await retold(shop, [ref], START_MS + at_ms)).scene(ref, START_MS + at_ms)
    assert scene is not None
    return why(scene, next(each for each in shop.program.rules if each.name == rule))


async def visit(shop: World) -> SessionRef:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(60_000)
    return ref


async def test_a_condition_that_is_not_met_says_when_it_could_be(shop: World) -> None:
    ref = await visit(shop)
    record = await explained(shop, ref, "help", 10_000)
    assert (record.outcome, record.reason, record.at_ms) == ("none", "when", START_MS + 10_000)
    clause = next(each for each in record.clauses if "time_on_page" in each.text)
    assert (clause.value, clause.next_ms) == ("false", START_MS + 45_000)
    assert "10 s" in clause.seen
    assert record.earliest_ms == START_MS + 45_000


async def test_a_closed_gate_says_when_it_opens(shop: World) -> None:
    ref = await visit(shop)
    record = await explained(shop, ref, "early", 25_000)
    assert (record.outcome, record.reason) == ("suppressed", "first_after")
    gates = {gate.name: gate for gate in record.gates}
    assert not gates["first_after"].open
    assert gates["first_after"].reopens_ms == START_MS + 30_000
    assert gates["cap"].open
    assert list(gates)[:3] == ["hidden", "never_on", "active"]


async def test_at_the_instant_of_a_message_its_rule_fired_with_every_gate_open(
    shop: World,
) -> None:
    ref = await visit(shop)
    assert await shop.messages(ref) == ["Looking around?"]
    record = await explained(shop, ref, "early", 30_000)
    assert (record.outcome, record.reason) == ("sent", "fired")
    assert all(gate.open for gate in record.gates)
    assert all(each.value == "true" for each in record.clauses if each.text.startswith("when"))
    assert record.summary.startswith("early spoke on /pricing")


async def test_after_the_message_the_cap_is_closed(shop: World) -> None:
    ref = await visit(shop)
    record = await explained(shop, ref, "help", 50_000)
    assert (record.outcome, record.reason) == ("suppressed", "cooldown")
    assert [gate.name for gate in record.gates if not gate.open] == ["cooldown", "cap"]
    assert record.earliest_ms is None


async def test_a_rule_that_a_stronger_one_beat_names_it(anyio_backend: str) -> None:
    text = RULES.replace("time_on_page >= 45s", "time_on_page >= 15s")
    async with world(text) as shop:
        ref = await visit(shop)
        assert await shop.messages(ref) == ["Questions about pricing plans?"]
        record = await explained(shop, ref, "early", 30_000)
        assert (record.outcome, record.reason) == ("suppressed", "priority")
        assert "help comes first" in record.summary


async def test_the_rules_of_the_page_come_nearest_first(shop: World) -> None:
    ref = await visit(shop)
    scene = (await retold(shop, [ref], START_MS + 25_000)).scene(ref, START_MS + 25_000)
    assert scene is not None
    assert [record.rule for record in nearest_first(scene)] == ["early", "help"]


async def test_a_held_out_visitor_is_told_so(anyio_backend: str) -> None:
    text = RULES.replace("policy {", "policy {\n  holdout 100% by visitor")
    async with world(text) as shop:
        ref = await visit(shop)
        assert await shop.messages(ref) == []
        record = await explained(shop, ref, "early", 30_000)
        assert (record.outcome, record.reason) == ("held_out", "holdout")
        assert not next(gate for gate in record.gates if gate.name == "holdout").open


async def test_a_visitor_who_said_no_is_not_said_to_be_free(shop: World) -> None:
    ref = await shop.session()
    await shop.track(ref, "consent", properties={"state": "denied"})
    await shop.view(ref, "/pricing")
    await shop.wait(60_000)
    record = await explained(shop, ref, "early", 40_000)
    assert (record.outcome, record.reason) == ("suppressed", "no_consent")


async def test_the_decision_of_an_entry_is_explained_as_it_was_taken(shop: World) -> None:
    ref = await shop.session()
    await shop.view(ref, "/pricing")
    await shop.wait(25_000)
    await shop.track(ref, "activity")
    await shop.wait(60_000)
    page = await shop.store.decisions("w", DecisionFilter())
    assert {found.line.outcome for found in page.decisions} >= {"sent", "suppressed"}
    for found in page.decisions:
        row = decode_row(found.line.body)
        if row.outcome == "none":
            continue
        scene = (await retold(shop, [ref], number=found.number)).decided(ref)
        assert scene is not None
        rule = next(each for each in shop.program.rules if each.name == row.rule)
        record = why(scene, rule)
        assert (record.outcome, record.reason, record.at_ms) == (row.outcome, row.reason, row.at_ms)
        assert [gate.name for gate in record.gates if not gate.open] == list(row.gates)
        assert record_of(scene, row).summary == row.why


async def test_a_pause_after_a_dismissal_in_an_earlier_session_is_seen(shop: World) -> None:
    first = await visit(shop)
    (message,) = (await shop.runtime.pull(first, None, 0)).messages
    await shop.track(first, "message_dismissed", properties={"message_id": message.id})
    await shop.wait(3_600_000)
    second = await shop.session("browser-2", visitor=first.visitor)
    await shop.view(second, "/pricing")
    began_ms = shop.clock.now_ms() - START_MS
    await shop.wait(50_000)
    at_ms = START_MS + began_ms + 48_000
    scene = (await retold(shop, [first, second], at_ms)).scene(second, at_ms)
    assert scene is not None
    record = why(scene, shop.program.rules[0])
    assert record.reason == "cooldown"
    gate = next(each for each in record.gates if each.name == "cooldown")
    assert gate.reopens_ms == START_MS + 60_000 + 24 * 3_600_000


async def _say(shop: World, ref: SessionRef) -> None:
    await shop.runtime.say(ref, "hello")


async def _post(shop: World, ref: SessionRef) -> None:
    await shop.runtime.post(ref, Post(f"msg_{shop.clock.now_ms()}", "agent", "Hi, how can I help?"))


async def _offer(shop: World, ref: SessionRef) -> None:
    await shop.runtime.offer(ref, Draft("Look at this"))


async def _publish(shop: World, ref: SessionRef) -> None:
    """Go on under rules that remember something else."""
    shop.runtime.workspaces.swap("w", "main", OTHER)


async def _display(shop: World, ref: SessionRef) -> None:
    for message in (await shop.runtime.pull(ref, None, 0)).messages:
        await shop.track(ref, "message_displayed", properties={"message_id": message.id})


_DONE = {"say": _say, "post": _post, "offer": _offer, "publish": _publish, "display": _display}


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["view", "hide", "show", "add_to_cart", "wait"]), st.integers(0, 40)
        ),
        max_size=8,
    )
)
def test_whatever_a_visitor_does_is_told_again_as_it_was(acts: list[tuple[str, int]]) -> None:
    async def run() -> None:
        async with world(RULES) as shop:
            ref = await shop.session()
            await shop.view(ref, "/pricing")
            for act, seconds in acts:
                await shop.wait(seconds * 1_000)
                if act == "view":
                    await shop.view(ref, "/docs" if seconds % 2 else "/pricing")
                elif act in _DONE:
                    await _DONE[act](shop, ref)
                elif act != "wait":
                    await shop.track(ref, act)
            await shop.wait(60_000)
            await retold(shop, [ref])

    anyio.run(run)
