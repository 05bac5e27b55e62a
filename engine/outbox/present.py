"""What dashboards see of the present: visitors, campaigns and figures, shown while anybody looks.

Each worker shows what it commits itself, to its own dashboards and to those of other workers; a figure is
the sum of what all workers have.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import msgspec

from engine.causes import Cause, VisitorErased
from engine.clock import Clock
from engine.counts import CAMPAIGN, campaign_count, split_count
from engine.errors import StoreUnavailable
from engine.feeds import FeedRecord, LiveFeed
from engine.fleet import Figures
from engine.outbox.contents import CampaignProgress, StatsTick, VisitorUpdated
from engine.outbox.dashboard import campaign_of, visitor_of
from engine.runtime import Runtime
from engine.shown import rfc3339
from engine.stores.base import SessionRef, Store
from engine.stores.days import utc_day

TICK_S = 1.0
"""A visitor and a campaign are shown once in this time at most."""

FIGURES_EVERY = 2
"""Figures are shown with every second tick."""

VISITORS_LEN_MAX = 10_000
"""Visitors of a workspace that wait to be shown; a further one is shown at its next event.

As many events that other workers show wait for a tick; a further one is left out.
"""

VISITORS_A_TICK_MAX = 500
CAMPAIGNS_LEN_MAX = 1_000
"""Campaigns of a workspace that wait to be shown; a further one is shown at its next change."""

CAMPAIGNS_A_TICK_MAX = 20
ONLINE_LEN_MAX = 100_000
"""Visitors of a workspace counted as online; with more, the one seen longest ago is not counted."""

ONLINE_MS = 60_000
PROGRESS_DAYS = 90
_DAY_MS = 86_400_000

_decode_visitor = msgspec.json.Decoder(VisitorUpdated).decode
_log = logging.getLogger("opportune.feeds")


class _Seen(msgspec.Struct):
    """What is noted of a workspace while somebody looks; dicts are sets in the order of arrival.

    `online` has the session that this worker knows a visitor by, None for one that another worker shows.
    `passed` are events that other workers show, by type and key.
    """

    visitors: dict[str, SessionRef] = {}
    campaigns: dict[str, None] = {}
    online: dict[str, tuple[int, SessionRef | None]] = {}
    passed: dict[tuple[str, str], FeedRecord] = {}
    steps: int = 0
    since_ms: int = 0
    steps_per_second: float = 0.0


class Present:
    """Shows what is so now to the listeners of a feed; without any it notes nothing and sleeps."""

    def __init__(self, runtime: Runtime, store: Store, feed: LiveFeed, clock: Clock) -> None:
        """Read sessions from `runtime` and counters from `store`, show them by `feed`."""
        self._runtime = runtime
        self._store = store
        self._feed = feed
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._ticks = 0
        self._is_heard = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connected: Callable[[str], int] = _nobody
        """Counts the visitors of a workspace that have a socket open."""
        feed.on_change = runtime.fleet.on_change = self._look_who_listens
        feed.take_passed = self._take_passed
        feed.is_heard_elsewhere = self._is_heard_elsewhere
        runtime.fleet.watched_here = lambda: feed.workspaces
        runtime.fleet.figures_here = self._figures_here

    def start(self) -> None:
        """Begin on the running loop."""
        self._feed.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="present")

    async def stop(self) -> None:
        """Show nothing any more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._feed.stop()

    async def hear(self, cause: Cause) -> None:
        """Note what a cause shows in a new light."""
        seen = self._seen.get(cause.workspace)
        if seen is None:
            return
        campaign = campaign_of(cause)
        if campaign is not None and len(seen.campaigns) < CAMPAIGNS_LEN_MAX:
            seen.campaigns[campaign] = None
        if isinstance(cause.body, VisitorErased):
            gone = VisitorUpdated(cause.visitor, "erased")
            self._show_visitor(cause.workspace, gone, cause.source, cause.session)
        elif visitor_of(cause) and cause.session:
            self._touch(SessionRef(cause.workspace, cause.visitor, cause.session))

    async def tick(self) -> None:
        """Show what changed since the tick before, a bounded part of it."""
        self._ticks += 1
        for workspace, seen in tuple(self._seen.items()):
            self._look_who_left(seen)
            await self._show_visitors(workspace, seen)
            await self._show_campaigns(workspace, seen)
            self._show_passed(workspace, seen)
            if self._ticks % FIGURES_EVERY == 1:
                self._measure(seen)
                if workspace in self._feed.workspaces:
                    await self._show_figures(workspace, seen)

    # ---- inside

    async def _run(self) -> None:
        while True:
            await self._is_heard.wait()
            try:
                await self.tick()
            except StoreUnavailable:
                _log.warning("dashboards are shown nothing new: the store is unavailable")
            except Exception:  # noqa: BLE001  # whatever it was, the next tick comes
                _log.exception("the present could not be shown")
            await asyncio.sleep(TICK_S)

    def _look_who_listens(self) -> None:
        heard = {*self._feed.workspaces, *self._runtime.fleet.watched_elsewhere}
        self._seen = {
            workspace: self._seen.get(workspace) or _Seen(since_ms=self._clock.now_ms())
            for workspace in sorted(heard)
        }
        self._runtime.on_touch(self._touch if heard else None)
        if heard:
            self._is_heard.set()
        else:
            self._is_heard.clear()

    def _touch(self, ref: SessionRef) -> None:
        seen = self._seen.get(ref.workspace)
        if seen is None:
            return
        seen.steps += 1
        if ref.visitor in seen.visitors or len(seen.visitors) < VISITORS_LEN_MAX:
            seen.visitors[ref.visitor] = ref

    def _look_who_left(self, seen: _Seen) -> None:
        """Count nobody as online for longer than a minute; who fell silent is shown once more."""
        now_ms = self._clock.now_ms()
        while seen.online:
            visitor, (since_ms, ref) = next(iter(seen.online.items()))
            if now_ms - since_ms <= ONLINE_MS:
                return
            del seen.online[visitor]
            if ref is not None and len(seen.visitors) < VISITORS_LEN_MAX:
                seen.visitors.setdefault(visitor, ref)

    async def _show_visitors(self, workspace: str, seen: _Seen) -> None:
        for visitor in tuple(seen.visitors)[:VISITORS_A_TICK_MAX]:
            ref = seen.visitors.pop(visitor)
            if seen.passed.pop(("visitor:updated", visitor), None) is None:
                view = await self._runtime.view_in_hand(ref)
            else:
                # Another worker was at it too: the store knows who was last.
                view = await self._runtime.view(ref)
            if view is None:
                continue
            self._note_status(seen, visitor, view.visitor_status, ref)
            content = VisitorUpdated(
                visitor_id=visitor,
                status=view.visitor_status,
                engagement_score=view.score,
                page_url=view.page_url,
                session_id=ref.session,
                last_seen_at=rfc3339(view.active_ms),
            )
            self._show_visitor(workspace, content, view.source, ref.session)

    def _note_status(self, seen: _Seen, visitor: str, status: str, ref: SessionRef | None) -> None:
        seen.online.pop(visitor, None)
        if status == "online":
            seen.online[visitor] = (self._clock.now_ms(), ref)
            if len(seen.online) > ONLINE_LEN_MAX:
                del seen.online[next(iter(seen.online))]

    def _show_visitor(
        self, workspace: str, content: VisitorUpdated, source: str, session: str
    ) -> None:
        self._feed.show(
            workspace,
            "visitor:updated",
            content.visitor_id,
            content,
            self._clock.now_ms(),
            source=source,
            session=session,
        )

    async def _show_campaigns(self, workspace: str, seen: _Seen) -> None:
        now_ms = self._clock.now_ms()
        days = [utc_day(now_ms - back * _DAY_MS) for back in range(PROGRESS_DAYS)]
        for campaign in tuple(seen.campaigns)[:CAMPAIGNS_A_TICK_MAX]:
            del seen.campaigns[campaign]
            seen.passed.pop(("campaign:progress", campaign), None)
            content = await self._progress(workspace, campaign, days)
            self._feed.show(workspace, "campaign:progress", campaign, content, now_ms)

    async def _progress(self, workspace: str, campaign: str, days: list[str]) -> CampaignProgress:
        counts = await self._store.counts(workspace, days, f"{CAMPAIGN}{campaign}|")
        return CampaignProgress(
            campaign_id=campaign,
            sent=counts.get(campaign_count(campaign, "sent"), 0),
            delivered=counts.get(campaign_count(campaign, "delivered"), 0),
            displayed=counts.get(campaign_count(campaign, "displayed"), 0),
            read=counts.get(campaign_count(campaign, "read"), 0),
            replied=counts.get(campaign_count(campaign, "replied"), 0),
            dismissed=counts.get(campaign_count(campaign, "dismissed"), 0),
            converted=counts.get(campaign_count(campaign, "converted"), 0),
        )

    async def _show_figures(self, workspace: str, seen: _Seen) -> None:
        now_ms = self._clock.now_ms()
        today = await self._today(workspace, now_ms)
        elsewhere = self._runtime.fleet.figures_elsewhere(workspace)
        content = StatsTick(
            visitors_online=len(seen.online),
            visitors_connected=self.connected(workspace) + elsewhere.connected,
            agents_online=self._runtime.agents_online(workspace),
            steps_per_second=round(seen.steps_per_second + elsewhere.steps_per_second, 1),
            sent_today=today.get("sent", 0),
            displayed_today=today.get("displayed", 0),
            replied_today=today.get("replied", 0),
            converted_today=today.get("converted", 0),
        )
        self._feed.show(workspace, "stats:tick", "", content, now_ms, is_for_all=False)

    def _measure(self, seen: _Seen) -> None:
        now_ms = self._clock.now_ms()
        passed_s = max(1, now_ms - seen.since_ms) / 1_000
        seen.steps_per_second = seen.steps / passed_s
        seen.steps, seen.since_ms = 0, now_ms

    def _figures_here(self, workspace: str) -> Figures:
        seen = self._seen.get(workspace)
        return (
            Figures() if seen is None else Figures(self.connected(workspace), seen.steps_per_second)
        )

    # ---- what other workers show

    def _is_heard_elsewhere(self, workspace: str) -> bool:
        return workspace in self._runtime.fleet.watched_elsewhere

    def _take_passed(self, workspace: str, record: FeedRecord, key: str) -> bool:
        """Keep what another worker shows for the tick, so that nobody is shown it twice in one."""
        seen = self._seen.get(workspace)
        if seen is None or record.type not in ("visitor:updated", "campaign:progress"):
            return False
        if record.type == "visitor:updated":
            content = _decode_visitor(record.data)
            self._note_status(seen, content.visitor_id, content.status, None)
        if len(seen.passed) < VISITORS_LEN_MAX:
            seen.passed[record.type, key] = record
        return True

    def _show_passed(self, workspace: str, seen: _Seen) -> None:
        for kind, key in tuple(seen.passed)[: VISITORS_A_TICK_MAX + CAMPAIGNS_A_TICK_MAX]:
            self._feed.tell_passing(workspace, seen.passed.pop((kind, key)), key)

    async def _today(self, workspace: str, now_ms: int) -> dict[str, int]:
        sums: dict[str, int] = {}
        counts = await self._store.counts(workspace, [utc_day(now_ms)], CAMPAIGN)
        for name, number in counts.items():
            what = split_count(name)[-1]
            sums[what] = sums.get(what, 0) + number
        return sums


def _nobody(_: str) -> int:
    """Count visitors where no sockets are."""
    return 0
