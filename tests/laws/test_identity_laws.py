"""However visits and identifications follow each other, a person's caps are those of all their browsers."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.identity import link_user
from tests.engine.world import World, world

CAP = 2
RULES = """
policy {
  first message after 30s
  at most 1 per session unless engaged
  at most 2 per 7d
  wait 1s after message
}

rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 45s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""
BROWSERS = ("phone", "desk", "tablet")
steps = st.lists(
    st.tuples(st.sampled_from(BROWSERS), st.sampled_from(["visit", "identify"])), max_size=10
)


async def visit_shop(shop: World, browser: str, number: int) -> int:
    """Begin a session and stay on the page of the rule; returns how often the visitor was spoken to."""
    ref = await shop.session(f"{browser}-{number}", browser)
    await shop.view(ref, "/pricing")
    await shop.wait(45_000)
    shown = [m for m in (await shop.runtime.pull(ref, None, 0)).messages if m.kind == "proactive"]
    for message in shown:
        # A message that nobody sees would give its place back.
        await shop.track(ref, "message_displayed", properties={"message_id": message.id})
    return len(shown)


async def spoken_as_modelled(taken: list[tuple[str, str]]) -> None:
    """Take the steps beside a model that only counts."""
    known = False
    owner = dict.fromkeys(BROWSERS, "")
    spoken = dict.fromkeys((*BROWSERS, "person"), 0)
    async with world(RULES) as shop:
        for number, (browser, step) in enumerate(taken):
            if step == "identify":
                await link_user(shop.store, "w", "u1", "person", browser)
                if not owner[browser]:
                    spoken["person"] += spoken[browser]
                owner[browser] = "person"
                known = True
                continue
            who = owner[browser] or browser
            expected = 1 if spoken[who] < CAP else 0
            assert await visit_shop(shop, browser, number) == expected
            spoken[who] += expected
        assert known == (await shop.store.visitor("w", "person") is not None)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_a_person_is_spoken_to_as_often_as_one_visitor_may_be(
    taken: list[tuple[str, str]],
) -> None:
    asyncio.run(spoken_as_modelled(taken))
