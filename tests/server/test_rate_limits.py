"""Budgets of visitors' messages, of addresses, and what happens when the store is silent."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.stores.base import RateAnswer, RateAsk, Retention
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from server.access.client_address import neighbourhood
from server.limits.budgets import Refused
from server.limits.chat_months import month_of
from server.limits.rate_limits import LOGINS_PER_MINUTE, RateLimits
from server.limits.rate_windows import KNOWN_WINDOWS_MAX
from server.settings import Limits
from server.workspace_settings import Site, Workspace
from tests.server.running import write_config

pytestmark = pytest.mark.anyio
SITE = Site(source_id="site_a", origins=())
ACME = Workspace(id="ws_acme", name="Acme", sites=(SITE,))
OTHER = Workspace(id="ws_other", name="Other", sites=(SITE,))
LIMITS = Limits(
    chat_per_session_per_minute=3,
    chat_per_address_per_minute=5,
    chat_per_workspace_per_minute=8,
)


class SilentStore(MemoryStore):
    """A store that gives no answer in time, or says that it cannot."""

    waits_s = 30.0
    is_down = False

    async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
        if self.is_down:
            raise StoreUnavailable("none", 1_000)
        await asyncio.sleep(self.waits_s)
        return await super().rate(asks)


def limiter(
    clock: ManualClock, limits: Limits = LIMITS, store: MemoryStore | None = None
) -> RateLimits:
    kept = store or MemoryStore(clock.now_ms, Retention())
    return RateLimits(kept, clock, b"k" * 32, limits)


async def refusal(limits: RateLimits, workspace: Workspace, session: str, address: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await limits.chat_budget(workspace, session, address)
    assert refused.value.status == 429
    return refused.value


# ---- messages of visitors


async def test_a_session_has_its_own_minute_and_the_headers_tell_of_it() -> None:
    clock = ManualClock()
    limits = limiter(clock)
    left = []
    for _ in range(3):
        headers = dict(await limits.chat_budget(ACME, "chat_1", "198.51.100.1"))
        left.append(int(headers[b"x-ratelimit-remaining"]))
        assert headers[b"x-ratelimit-limit"] == b"3"
    assert left == [2, 1, 0]
    refused = await refusal(limits, ACME, "chat_1", "198.51.100.1")
    assert refused.reason == "chat_session_minute"
    assert refused.retry_after_s == 60 - clock.now_ms() // 1000 % 60
    await limits.chat_budget(ACME, "chat_2", "198.51.100.2")
    clock.advance(60_000)
    await limits.chat_budget(ACME, "chat_1", "198.51.100.1")


async def test_an_address_is_counted_over_its_sessions() -> None:
    limits = limiter(ManualClock())
    for number in range(5):
        await limits.chat_budget(ACME, f"chat_{number}", "198.51.100.1")
    refused = await refusal(limits, ACME, "chat_9", "198.51.100.1")
    assert refused.reason == "chat_address_minute"
    assert dict(refused.budget.plain_headers)[b"x-ratelimit-limit"] == b"5"
    await limits.chat_budget(OTHER, "chat_9", "198.51.100.1")


async def test_a_workspace_is_counted_over_all_and_no_other_with_it() -> None:
    limits = limiter(ManualClock())
    for number in range(8):
        await limits.chat_budget(ACME, f"chat_{number}", f"198.51.100.{number}")
    assert (await refusal(limits, ACME, "chat_9", "203.0.113.1")).reason == "chat_workspace_minute"
    await limits.chat_budget(OTHER, "chat_9", "203.0.113.1")


async def test_an_address_that_is_not_known_is_not_counted() -> None:
    limits = limiter(ManualClock())
    for number in range(8):
        await limits.chat_budget(ACME, f"chat_{number}", "")


async def test_a_month_can_be_limited_and_a_refusal_is_not_to_be_repeated() -> None:
    clock = ManualClock()
    limits = limiter(clock, Limits(chat_messages_per_month=4))
    for number in range(4):
        await limits.chat_budget(ACME, f"chat_{number}", "")
        clock.advance(60_000)
    refused = await refusal(limits, ACME, "chat_9", "")
    assert (refused.reason, refused.should_retry) == ("chat_month", False)
    assert refused.budget.windows[0].state.limit == 4
    clock.advance(31 * 86_400_000)
    await limits.chat_budget(ACME, "chat_9", "")


async def test_a_message_that_is_refused_is_none_of_the_month() -> None:
    limits = limiter(
        ManualClock(), Limits(chat_per_session_per_minute=1, chat_messages_per_month=2)
    )
    await limits.chat_budget(ACME, "chat_1", "")
    for _ in range(3):
        assert (await refusal(limits, ACME, "chat_1", "")).reason == "chat_session_minute"
    await limits.chat_budget(ACME, "chat_2", "")
    assert (await refusal(limits, ACME, "chat_3", "")).reason == "chat_month"


def test_months_are_those_of_the_calendar() -> None:
    name, days, end_ms = month_of(1_735_689_599_999)  # the last instant of 2024
    assert (name, len(days), days[-1]) == ("2024-12", 31, "2024-12-31")
    assert end_ms == 1_735_689_600_000
    assert month_of(end_ms)[:2] == ("2025-01", ["2025-01-01"])


# ---- addresses


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("198.51.100.1", "198.51.100.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:198.51.100.1", "198.51.100.1", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "198.51.100.1", False),
    ],
)
def test_one_subscriber_is_one_address(first: str, second: str, *, same: bool) -> None:
    assert (neighbourhood(first) == neighbourhood(second)) is same


async def test_no_address_reaches_the_store() -> None:
    asked: list[str] = []

    class Listening(MemoryStore):
        async def rate(self, asks: Sequence[RateAsk]) -> RateAnswer:
            asked.extend(ask.bucket for ask in asks)
            return await super().rate(asks)

    clock = ManualClock()
    limits = limiter(clock, store=Listening(clock.now_ms, Retention()))
    await limits.failed("198.51.100.1")
    await limits.login("198.51.100.1")
    await limits.chat_budget(ACME, "chat_1", "198.51.100.1")
    assert len(asked) == 5
    assert not [bucket for bucket in asked if "198.51" in bucket]


# ---- a silent store


@pytest.mark.parametrize("is_down", [False, True])
async def test_a_silent_store_stops_nobody_but_the_login(*, is_down: bool) -> None:
    clock = ManualClock()
    store = SilentStore(clock.now_ms, Retention())
    store.is_down = is_down
    limits = limiter(clock, store=store)
    for number in range(5):
        headers = dict(await limits.chat_budget(ACME, "chat_1", "198.51.100.1"))
        assert headers[b"x-ratelimit-remaining"] == b"%d" % max(0, 2 - number)
        if not is_down:
            store.is_down = True
    with pytest.raises(StoreUnavailable):
        await limits.login("198.51.100.1")


async def test_a_window_that_the_store_called_full_stays_so_while_it_is_silent() -> None:
    clock = ManualClock()
    store = SilentStore(clock.now_ms, Retention())
    store.waits_s = 0.0
    limits = limiter(clock, store=store)
    for _ in range(3):
        await limits.chat_budget(ACME, "chat_1", "198.51.100.1")
    store.is_down = True
    for _ in range(2):
        with pytest.raises(Refused):
            await limits.chat_budget(ACME, "chat_1", "198.51.100.1")
    await limits.chat_budget(ACME, "chat_2", "198.51.100.1")
    clock.advance(60_000)
    await limits.chat_budget(ACME, "chat_1", "198.51.100.1")


async def test_a_slow_store_is_not_waited_for_at_a_login() -> None:
    clock = ManualClock()
    limits = limiter(clock, store=SilentStore(clock.now_ms, Retention()))
    with pytest.raises(StoreUnavailable):
        await limits.login("198.51.100.1")


async def test_a_look_at_a_silent_store_costs_nothing() -> None:
    clock = ManualClock()
    store = SilentStore(clock.now_ms, Retention())
    store.is_down = True
    limits = limiter(clock, store=store)
    for _ in range(3):
        budget = await limits.look_at_failures("198.51.100.1")
        assert budget.windows[0].state.remaining == 600
    assert (await limits.failed("198.51.100.1")).windows[0].state.remaining == 599


async def test_what_is_remembered_for_a_silent_store_is_bounded() -> None:
    limits = limiter(ManualClock(), Limits())
    for number in range(KNOWN_WINDOWS_MAX + 50):
        await limits.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(limits._windows._known) == KNOWN_WINDOWS_MAX


# ---- logging in, and the settings


async def test_ten_logins_a_minute_may_be_tried_from_an_address() -> None:
    clock = ManualClock()
    limits = limiter(clock)
    for _ in range(LOGINS_PER_MINUTE):
        await limits.login("198.51.100.1")
    with pytest.raises(Refused) as refused:
        await limits.login("198.51.100.1")
    assert refused.value.reason == "auth_attempts"
    await limits.login("198.51.100.2")
    clock.advance(60_000)
    await limits.login("198.51.100.1")


def test_a_workspace_overrides_only_what_it_sets(tmp_path: Path) -> None:
    text = """
    [limits]
    key_per_minute = 7
    [[workspaces]]
    id = "ws_a"
    name = "A"
      [workspaces.limits]
      chat_messages_per_month = 9
      [[workspaces.sites]]
      source_id = "site_a"
      origins = []
    """
    config = write_config(tmp_path, text)
    limits = limiter(ManualClock(), config.limits).of(config.workspaces[0])
    assert (limits.key_per_minute, limits.chat_messages_per_month) == (7, 9)
    assert limits.workspace_per_hour == 10_000
