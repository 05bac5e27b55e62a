"""The privacy run: an erased visitor leaves no byte, and comes back with no late event; the neighbour stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx2
import pytest

from tests.faults.canary import PLATFORM, WIDGET, Canary, in_files, in_redis
from tests.faults.processes import SQLITE
from tests.faults.receiver import SECRET, Received, Receiver, Scripted, receiving
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single, find_server
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
KINDS = ["sqlite", "redis"]
LISTS = (
    "/v1/visitors",
    "/v1/live-chat/sessions",
    "/v1/appointments",
    "/v1/decisions",
    "/v1/decisions.ndjson?since=2020-01-01T00:00:00Z",
    "/v1/webhooks/whk_test/deliveries",
)
WORD = f"canary{SEED}q7f3x"
NEIGHBOUR = f"neighbour{SEED}q7f3x"
PRIVATE = f"private{SEED}q7f3x"
# A minute until the next sweep, and the time to write the files anew.
GONE_S = sized(20.0, 75.0)
QUIET_S = 0.25
QUICK = sized(("quick_sweep",), ())
RULES = """
policy {
  first message after 1s
  allow OP301 because "a test does not wait half a minute"
}
attribute visitor.company: text optional
attribute visitor.plan: text optional
attribute visitor.note: text optional
attribute cart.note: text optional
rule help "Pricing help" {
  on page "/pricing"
  when time_on_page >= 600s
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""
OFFICE = """
  [[workspaces.assistants]]
  id = "asst_agent"
  name = "Agent"
  agent_id = 1
  [workspaces.voice]
  numbers = ["+14165559999"]
  [[workspaces.calendars]]
  id = "main"
  name = "Service visits"
  hours = { mon = ["08:00-18:00"], tue = ["08:00-18:00"], wed = ["08:00-18:00"], thu = ["08:00-18:00"] }
  capacity = 5
"""


def config_of(receiver: Receiver) -> str:
    """Write the rest of the workspace: a calendar, a telephone number, one endpoint that is told everything."""
    hook = (
        "  [[workspaces.webhooks]]\n"
        '  id = "whk_test"\n'
        f'  url = "{receiver.url()}"\n'
        '  events = ["*"]\n'
        f'  secret = "{SECRET}"\n'
    )
    return OFFICE + hook + "\n[webhooks]\nallow_private = true\n\n[privacy]\nhonour_dnt = true\n"


def refuse_words(came: Received) -> Scripted:
    """Refuse what visitors wrote, so that it waits; take what lies between, so that nobody is called dead."""
    return Scripted(500 if came.json["event"] == "message.received" else 200)


class Place:
    """A server with its store: where something of a visitor can be."""

    def __init__(
        self, workers: Workers, receiver: Receiver, store: Single | None, folder: Path
    ) -> None:
        """Look at these workers' files, and at Redis when it is the store."""
        self.workers = workers
        self.receiver = receiver
        self._store = store
        self._folder = folder

    def holding(self, word: str) -> list[str]:
        """Name the files and keys that hold a word, also what the workers wrote to their logs."""
        found = in_files(self._folder, word, but=["receiver.jsonl"])
        return found + ([] if self._store is None else in_redis(self._store, word))

    async def until_quiet(self) -> None:
        """Wait until the endpoint has been told what there is to tell."""
        seen = -1
        async with asyncio.timeout(QUIET_S * 40):
            while seen != len(self.receiver.received):
                seen = len(self.receiver.received)
                await asyncio.sleep(QUIET_S)

    async def until_gone(self, word: str, within_s: float) -> list[str]:
        """Wait until nothing holds a word; what does at the end."""
        deadline = monotonic() + within_s
        while (found := self.holding(word)) and monotonic() < deadline:  # noqa: ASYNC110  # in files
            await asyncio.sleep(0.2)
        return found


@asynccontextmanager
async def serving(
    kind: str, folder: Path, *unsafe: str
) -> AsyncIterator[tuple[Place, httpx2.AsyncClient]]:
    """Serve on SQLite, or with two workers on a Redis of their own."""
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving(refuse_words))
        store = stack.enter_context(a_redis(folder)) if kind == "redis" else None
        workers = stack.enter_context(
            Workers(
                folder / "workers",
                1 if store is None else 2,
                store=SQLITE if store is None else store.url,
                durability="D1",
                rules=RULES,
                unsafe=unsafe,
                more=config_of(receiver),
            )
        )
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{workers[0].port}", timeout=10, trust_env=False
        ) as http:
            yield Place(workers, receiver, store, folder), http


def a_redis(folder: Path) -> Single:
    """Start a server of one's own: its files are looked into."""
    need_server()
    if find_server() is None:
        pytest.skip("a store of its own needs the server's binary")
    return Single.start(folder / "redis")


async def lists(http: httpx2.AsyncClient) -> str:
    """Read whatever lists visitors or what they did."""
    answers = [await http.get(path, headers=PLATFORM) for path in LISTS]
    assert {answer.status_code for answer in answers} == {200}
    return "".join(answer.text for answer in answers)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_export_holds_all_and_an_erasure_leaves_no_byte_of_it(
    tmp_path: Path, outcome: Outcome, kind: str
) -> None:
    async with serving(kind, tmp_path, *QUICK) as (place, http):
        canary, neighbour = Canary(http, WORD), Canary(http, NEIGHBOUR)
        for one in (canary, neighbour):
            await one.live()
        await place.until_quiet()
        shown, before = "".join(await canary.exported() or ()), await neighbour.exported()
        held, told = place.holding(WORD), len(place.receiver.received)
        assert WORD in await lists(http)
        assert await canary.erase() == 200
        erased_s = monotonic()
        assert await canary.erase() == 404
        assert await canary.exported() is None
        await canary.comes_late()
        left = await place.until_gone(WORD, GONE_S)
        after_s = monotonic() - erased_s
        listed, later = await lists(http), place.receiver.received[told:]
        after, kept = await neighbour.exported(), place.holding(NEIGHBOUR)
    missing = [field for field in canary.sent if f"{WORD}.{field}." not in shown]
    outcome.acked, outcome.lost = len(canary.sent), len(missing) + len(left)
    outcome.notes = f"{len(held)} files and keys held it, {len(left)} {after_s:.1f} s after"
    assert missing == []
    assert NEIGHBOUR not in shown
    assert held
    assert left == []
    assert WORD not in listed
    assert NEIGHBOUR in listed
    assert {one.json["event"] for one in later if WORD.encode() in one.body} == {"visitor.erased"}
    assert kept
    assert sorted(after or ()) == sorted(before or ())


@pytest.mark.parametrize("kind", sized(["sqlite"], KINDS))
async def test_a_browser_that_asks_for_privacy_leaves_no_byte(
    tmp_path: Path, outcome: Outcome, kind: str
) -> None:
    async with serving(kind, tmp_path) as (place, http):
        for signal in ({"sec-gpc": "1"}, {"dnt": "1"}):
            for field in ("visitorId", "userId", "sessionId", "messageId"):
                event = {
                    "sessionId": f"tab-{PRIVATE}",
                    "visitorId": f"vis_{PRIVATE}",
                    "event": "page_view",
                    "page": {"url": f"https://shop.test/pricing?q={PRIVATE}", "title": PRIVATE},
                    "metadata": {"note": PRIVATE},
                    "attributes": {"visitor.company": PRIVATE},
                    field: f"{field}-{PRIVATE}",
                }
                path = "/api/widgets/ws_test/track"
                sent = await http.post(path, json=event, headers={**WIDGET, **signal})
                assert sent.status_code == 200
                outcome.acked += 1
        await place.until_quiet()
        left = place.holding(PRIVATE)
        outcome.lost = len(left)
        assert left == []
        assert place.holding("ws_test")


@pytest.mark.parametrize("kind", sized(["redis"], KINDS))
async def test_the_control_without_a_tombstone_lets_a_late_event_bring_the_visitor_back(
    tmp_path: Path, outcome: Outcome, kind: str
) -> None:
    async with serving(kind, tmp_path, "no_tombstone") as (_, http):
        canary = Canary(http, WORD)
        await canary.track("page_view")
        assert await canary.erase() == 200
        await canary.comes_late()
        back = await canary.exported() or []
    outcome.control = f"no_tombstone: {len(back)} lines are back"
    assert back
