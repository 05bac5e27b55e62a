"""T16: clients that ask and do not read are dropped, cost little memory, slow nobody down, and can resume."""

import asyncio
import json
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.faults.processes import RULES, Server
from tests.faults.runs import Outcome, sized
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 120))]
STALLED = sized(5, 50)
HEALTHY = sized(20, 200)
QUICK = sized(["quick_timers"], [])
SECONDS = sized(2.0, 30.0)
PINGS_A_SECOND = 20
# A pong brings back what the ping names: 60 KB a frame fill what the kernel takes for a client.
FILLER = "x" * 60_000
# 2 s for a frame and 2 s for the close; the small size waits a quarter of that.
GONE_S = sized(2.5, 5.0)
P99_S = sized(0.3, 0.1)
BYTES_EACH = 1024 * 1024
SLACK_BYTES = 16 * 1024 * 1024


async def opened(server: Server, session: str, **options: object) -> ClientConnection:
    """Open a session's socket and authenticate."""
    connection = await connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{session}", **options)
    await connection.send(json.dumps({"type": "auth", "token": "wk_test"}))
    assert json.loads(await connection.recv())["type"] == "hello"
    return connection


async def stalled(server: Server, session: str, within_s: float) -> float:
    """Ask for much and read nothing; answers after how many seconds the server gave up, inf for not."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    small.connect(("127.0.0.1", server.port))
    small.setblocking(False)
    connection = await opened(server, session, sock=small, max_queue=1, close_timeout=0.1)
    began = monotonic()
    try:
        async with asyncio.timeout(within_s):
            while True:
                await connection.send(json.dumps({"type": "ping", "id": FILLER}))
    except WebSocketException:
        return monotonic() - began
    except TimeoutError:
        return float("inf")
    finally:
        connection.transport.abort()


async def healthy(server: Server, session: str, seconds: float) -> list[float]:
    """Ask a little and read it; answers how long each pong took."""
    took = []
    connection = await opened(server, session)
    end_s = monotonic() + seconds
    while monotonic() < end_s:
        began = monotonic()
        await connection.send(json.dumps({"type": "ping", "id": len(took)}))
        while json.loads(await connection.recv()).get("type") != "pong":
            pass
        took.append(monotonic() - began)
        await asyncio.sleep(1 / PINGS_A_SECOND)
    await connection.close()
    return took


async def resumed(server: Server, session: str) -> list[str]:
    """Come back after the last thing one knows, nothing; answers the proactive messages shown."""
    shown: list[str] = []
    connection = await opened(server, session)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            async for text in connection:
                frame = json.loads(text)
                if frame["type"] == "message":
                    shown.append(frame["id"])
    await connection.close()
    return shown


async def test_who_does_not_read_is_dropped_and_hinders_nobody(
    tmp_path: Path, outcome: Outcome
) -> None:
    with Workers(tmp_path, rules=RULES.replace("3s", "1s"), unsafe=QUICK) as workers:
        server = workers[0]
        lazy = [server.open_session() for _ in range(STALLED)]
        page = {"url": "https://shop.test/pricing"}
        for session in lazy:
            server.track(session, "page_view", page=page)
        busy = [server.open_session() for _ in range(HEALTHY)]
        before = server.memory_bytes()
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(healthy(server, each, SECONDS)) for each in busy]
            ends = [group.create_task(stalled(server, each, SECONDS + 3)) for each in lazy]
        grown = server.memory_bytes() - before
        shown = await asyncio.gather(*[resumed(server, session) for session in lazy[:3]])
        workers.drain()
    gone = [task.result() for task in ends]
    times = sorted(time for task in reading for time in task.result())
    p99 = times[round(len(times) * 0.99) - 1]
    outcome.faults = STALLED
    outcome.notes = (
        f"gone after {max(gone):.2f} s, healthy p99 {p99 * 1_000:.0f} ms, grown {grown >> 20} MB"
    )
    assert max(gone) <= GONE_S
    assert p99 <= P99_S
    assert grown <= STALLED * BYTES_EACH + SLACK_BYTES
    assert [len(messages) for messages in shown] == [1] * len(shown)


async def test_the_control_without_a_deadline_keeps_who_does_not_read(
    tmp_path: Path, outcome: Outcome
) -> None:
    with Workers(tmp_path, unsafe=["no_send_deadline"]) as workers:
        session = workers[0].open_session()
        gone_s = await stalled(workers[0], session, GONE_S)
    outcome.control = f"no_send_deadline: gone after {gone_s} s"
    assert gone_s == float("inf")
