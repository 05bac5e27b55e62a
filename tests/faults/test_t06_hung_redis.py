"""T6: Redis hangs; requests are refused in time, no answer reaches another request, and it ends by itself."""

import asyncio
import json
from pathlib import Path
from random import Random

import pytest

from tests.faults.http_line import HttpLine, NoAnswer
from tests.faults.judge import WORKSPACE, held_in, judge, opened
from tests.faults.load import History, Load, Plan
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 300))]
BEFORE_S = sized(0.5, 5.0)
HUNG_S = sized(2.6, 10.0)
PLAN = Plan(
    seed=SEED,
    sessions=sized(40, 250),
    events=sized(10, 40),
    seconds=BEFORE_S + HUNG_S + sized(0.3, 3.0),
    deadline_s=sized(25.0, 60.0),
    within_s=10.0,
)
READERS = sized(20, 100)
# A request is answered within the store's deadline of 2 s; a busy machine adds to it.
ANSWERED_S = sized(7.5, 4.0)
BACK_S = 5.0
MEMORY_BYTES = 50 * 1024 * 1024
OPEN = "/v1/live-chat/sessions"
PLATFORM = {"authorization": "Bearer test_key_0123456789abcdef", "x-workspace-id": WORKSPACE}


class Readers:
    """Ask for sessions again and again; each answer has to be that of the session it was asked for."""

    def __init__(self, port: int) -> None:
        """Ask at this port."""
        self.answered = 0
        self.refused = 0
        self.crossed: list[str] = []
        self._port = port
        self._sessions: dict[str, str] = {}

    async def open_all(self) -> None:
        """Open a session for each reader, whose visitor's name is its secret."""
        async with HttpLine(self._port) as line:
            for number in range(READERS):
                secret = f"secret_{number}"
                body = {"source_id": "site_test", "visitor": {"id": secret}}
                answer = await line.post(OPEN, body, PLATFORM)
                assert answer.status == 200, answer
                self._sessions[secret] = json.loads(answer.body)["data"]["session_id"]

    async def run(self, seconds: float) -> None:
        """Ask for so long."""
        await asyncio.gather(*[self._read(secret, seconds) for secret in self._sessions])

    async def _read(self, secret: str, seconds: float) -> None:
        random, loop = Random(secret), asyncio.get_running_loop()
        end_s = loop.time() + seconds
        async with HttpLine(self._port) as line:
            while loop.time() < end_s:
                await asyncio.sleep(random.uniform(0.02, 0.1))
                try:
                    path = f"{OPEN}/{self._sessions[secret]}"
                    answer = await line.send("GET", path, b"", PLATFORM, 10.0)
                except NoAnswer:
                    self.refused += 1
                    continue
                self._note(secret, answer.status, answer.body)

    def _note(self, secret: str, status: int, body: bytes) -> None:
        if status == 503:
            self.refused += 1
        elif status == 200 and json.loads(body)["data"]["visitor_id"] == secret:
            self.answered += 1
        else:
            self.crossed.append(f"{secret} was answered {status} {body[:200].decode()}")


def unlimited(config: Path) -> None:
    """Let the key ask as often as it likes: what is counted here are answers of others."""
    key = 'key = "test_key_0123456789abcdef"\n'
    config.write_text(config.read_text().replace(key, f"{key}  per_minute = 1000000\n"))


async def hung(
    folder: Path, redis: Single, history: History, *unsafe: str
) -> tuple[Readers, float, int]:
    """Let Redis hang under load; answers who read, when it went on, and how much a worker's memory grew."""
    alone = Workers(folder, 1, store=redis.url, durability="D1", unsafe=unsafe)
    unlimited(alone.configs[0])
    with alone as workers:
        readers = Readers(workers[0].port)
        await readers.open_all()
        load = asyncio.create_task(Load(PLAN, workers.ports, history).run())
        reading = asyncio.create_task(readers.run(PLAN.seconds + 0.5))
        await asyncio.sleep(BEFORE_S)
        before = workers[0].memory_bytes()
        redis.stop()
        await asyncio.sleep(HUNG_S)
        grown = workers[0].memory_bytes() - before
        redis.cont()
        went_on_s = history.now()
        await reading
        if unsafe:
            # Its writers got answers of others, and might ask until their deadline.
            load.cancel()
        else:
            await load
    history.close()
    return readers, went_on_s, grown


async def test_a_hung_redis_is_answered_503_in_time_and_never_with_anothers_answer(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    readers, went_on_s, grown = await hung(tmp_path, redis, history)
    async with opened(redis.url) as store:
        verdict = judge(history, held := await held_in(store))
    back = history.first_success_after(went_on_s)
    outcome.acked, outcome.lost = verdict.acked, len(verdict.lost)
    outcome.doubled, outcome.faults = len(verdict.doubled), history.refusals().get(503, 0)
    outcome.notes = f"back after {back:.2f} s, slowest {history.slowest_s():.2f} s"
    assert readers.crossed == []
    assert readers.answered > READERS
    assert readers.refused > 0
    assert history.refusals().keys() == {503}
    assert (verdict.acked, verdict.lost, verdict.doubled) == (PLAN.sessions * PLAN.events, (), ())
    assert held.breaks == []
    assert history.slowest_s() <= ANSWERED_S
    assert back <= BACK_S
    assert grown < MEMORY_BYTES


async def test_the_control_that_frees_the_place_of_who_left_crosses_answers(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    history = History(tmp_path / "history.jsonl")
    readers, _, _ = await hung(tmp_path, redis, history, "free_slots")
    outcome.control = f"free_slots: {len(readers.crossed)} answers crossed"
    assert readers.crossed
