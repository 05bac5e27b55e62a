"""T9 over Redis: workers are killed while they send, Redis is restarted, and every webhook still arrives."""

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.receiver import SECRET, Received, Receiver, Scripted, receiving
from tests.faults.resuming import NO_LIMITS, PLATFORM, SESSIONS
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single, find_server
from tests.faults.waiting import until
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(90, 600))]
COUNT = sized(120, 5_000)
WRITERS = sized(6, 24)
WORKERS = 3
EVENTS = ("chat.started", "message.received")
IN_FLIGHT_MAX = 256
KILLS = 2
DOWN_S = 0.5
ARRIVED_S = sized(40.0, 200.0)
QUIET_S = 0.7
OPENED_S = sized(40.0, 200.0)


def with_webhook(receiver: Receiver) -> str:
    """Write the rest of a configuration: an endpoint for both events of a chat that begins with words."""
    events = ", ".join(f'"{name}"' for name in EVENTS)
    return (
        "  [[workspaces.webhooks]]\n"
        '  id = "whk_test"\n'
        f'  url = "{receiver.url()}"\n'
        f"  events = [{events}]\n"
        f'  secret = "{SECRET}"\n'
        f"\n[webhooks]\nallow_private = true\n{NO_LIMITS}"
    )


class Openers:
    """Open sessions at any worker until so many were answered."""

    def __init__(self, ports: list[int]) -> None:
        self.opened: list[str] = []
        self._ports = ports

    async def run(self) -> None:
        async with asyncio.timeout(OPENED_S):
            await asyncio.gather(*(self._write(number) for number in range(WRITERS)))

    async def until(self, share: float) -> None:
        """Wait until so much is done."""
        await until(lambda: len(self.opened) >= share * COUNT, OPENED_S)

    async def _write(self, number: int) -> None:
        random = Random(f"{SEED} {number}")
        lines = {port: HttpLine(port) for port in self._ports}
        body = {"source_id": "site_test", "visitor": {}, "initial_message": "Hello?"}
        while len(self.opened) < COUNT:
            # One that was not answered is begun or not: nobody was promised anything.
            with suppress(NoAnswer):
                line = lines[random.choice(self._ports)]
                answer = await line.post(SESSIONS, body, PLATFORM, 5.0)
                if answer.status == 200:
                    self.opened.append(json.loads(answer.body)["data"]["session_id"])
                    continue
                assert answer.status == 503, answer
            await asyncio.sleep(0.1)
        for line in lines.values():
            line.close()


class Arrived(msgspec.Struct, frozen=True):
    """What the receiver got: events and numbers of each session, and what came more than once."""

    events: dict[str, set[str]]
    numbers: dict[str, set[int]]
    doubled: int
    unequal: int
    unsigned: int

    @classmethod
    def of(cls, received: list[Received]) -> "Arrived":
        events, numbers = defaultdict(set), defaultdict(set)
        bodies: dict[str, set[bytes]] = defaultdict(set)
        for one in received:
            said = one.json
            events[said["session_id"]].add(said["event"])
            numbers[said["session_id"]].add(one.sequence)
            bodies[one.id].add(one.body)
        return cls(
            events=dict(events),
            numbers=dict(numbers),
            doubled=len(received) - len(bodies),
            unequal=sum(len(found) > 1 for found in bodies.values()),
            unsigned=sum(not one.is_signed for one in received),
        )

    def missing(self, sessions: list[str]) -> list[tuple[str, str]]:
        return [
            (session, event)
            for session in sessions
            for event in EVENTS
            if event not in self.events.get(session, ())
        ]


async def kill_and_restart(workers: Workers, number: int) -> None:
    await asyncio.to_thread(workers.kill, number)
    await asyncio.sleep(DOWN_S)
    await asyncio.to_thread(workers.restart(number).wait_ready)


async def restart(store: Single) -> None:
    store.kill()
    await asyncio.sleep(DOWN_S)
    await asyncio.to_thread(store.node.restart)


async def all_arrived(receiver: Receiver, sessions: list[str]) -> Arrived:
    """Wait until nothing is missing, and then a little longer for what comes twice."""
    arrived = Arrived.of(list(receiver.received))
    with suppress(TimeoutError):
        async with asyncio.timeout(ARRIVED_S):
            while arrived.missing(sessions):
                await asyncio.sleep(0.2)
                arrived = Arrived.of(list(receiver.received))
    await asyncio.sleep(QUIET_S)
    return Arrived.of(list(receiver.received))


async def test_webhooks_survive_killed_workers_and_a_redis_that_starts_again(
    tmp_path: Path, outcome: Outcome
) -> None:
    need_server()
    if find_server() is None:
        pytest.skip("a store of its own needs the server's binary")
    with (
        receiving(lambda _: Scripted(after_s=0.02), log=tmp_path / "receiver.jsonl") as receiver,
        Single.start(tmp_path / "redis") as store,
        Workers(
            tmp_path,
            WORKERS,
            store=store.url,
            durability="D1",
            unsafe=sized(["quick_lease"], []),
            more=with_webhook(receiver),
        ) as workers,
    ):
        openers = Openers(workers.ports)
        opening = asyncio.create_task(openers.run())
        await openers.until(0.25)
        await kill_and_restart(workers, 0)
        await openers.until(0.5)
        await restart(store)
        await openers.until(0.75)
        await kill_and_restart(workers, 1)
        await opening
        arrived = await all_arrived(receiver, openers.opened)
    missing = arrived.missing(openers.opened)
    outcome.acked, outcome.lost = len(openers.opened) * len(EVENTS), len(missing)
    outcome.doubled, outcome.faults = arrived.doubled, KILLS + 1
    outcome.notes = "doubled = sent again with the same id and body"
    assert missing == []
    assert arrived.doubled <= (KILLS + 1) * IN_FLIGHT_MAX
    assert (arrived.unequal, arrived.unsigned) == (0, 0)
    assert all(arrived.numbers[session] == {1, 2} for session in openers.opened)
