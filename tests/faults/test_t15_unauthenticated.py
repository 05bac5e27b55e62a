"""T15: clients that never say who they are, or say it byte by byte, are sent away and hinder nobody."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.faults.load import WIDGETS
from tests.faults.runs import Outcome, sized
from tests.faults.workers import Workers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 120))]
SILENT = sized(20, 500)
STRANGERS = sized(10, 100)
SLOW = sized(10, 100)
# API.md 9: 5 s for the first frame, of which the small size waits a quarter. A busy machine is later.
QUICK = sized(["quick_timers"], [])
AUTH_S = sized((1.1, 2.5), (4.5, 5.5))
HEALTHY = sized(1, 5)
HEALTHY_S = sized(0.6, 0.2)
# A machine that is busy with something else is late before anybody comes: then so much later.
CALM_S = sized(0.5, 3.0)
GROWN_MAX = 3.0
# They come one after the other: otherwise what is measured is how fast this process can make sockets.
COME_S = sized(0.3, 10.0)
STILL_OPEN_S = sized(2.6, 10.0)
SECRETS = ("wk_test", "test_key_0123456789abcdef", "eyJhbGciOiJIUzI1NiJ9")


def with_origin(folder: Path) -> None:
    """Let the site's widget run on one page only."""
    config = folder / "worker0" / "opportune.toml"
    config.write_text(config.read_text().replace("origins = []", 'origins = ["https://shop.test"]'))


async def silent(url: str, after_s: float = 0.0) -> tuple[int | None, float]:
    """Open a socket and say nothing; answers the close code and the seconds until then."""
    await asyncio.sleep(after_s)
    async with connect(url, close_timeout=0.1) as socket:
        began = monotonic()
        try:
            async with asyncio.timeout(STILL_OPEN_S):
                await socket.wait_closed()
        except TimeoutError:
            return None, monotonic() - began
        return socket.close_code, monotonic() - began


async def stranger(url: str, after_s: float) -> int:
    """Try to open a socket from a foreign page; answers the status of the refusal."""
    await asyncio.sleep(after_s)
    try:
        async with connect(url, origin="https://evil.test"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def trickle(port: int, after_s: float, seconds: float) -> None:
    """Send a request byte by byte."""
    await asyncio.sleep(after_s)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for byte in f"POST {WIDGETS}/track HTTP/1.1\r\nhost: x\r\n"[: round(seconds)]:
            writer.write(byte.encode())
            await writer.drain()
            await asyncio.sleep(1.0)
    finally:
        writer.transport.abort()
        reader.feed_eof()


def spread(count: int) -> list[float]:
    """Divide the time in which all come."""
    return [COME_S * number / count for number in range(count)]


async def healthy(server_url: str, session: str, seconds: float) -> list[float]:
    """Connect again and again as one should; answers how long each connect took until `hello`."""
    took = []
    end_s = monotonic() + seconds
    while monotonic() < end_s:
        began = monotonic()
        async with connect(f"{server_url}/v1/sessions/{session}") as socket:
            await socket.send(json.dumps({"type": "auth", "token": "wk_test"}))
            assert json.loads(await socket.recv())["type"] == "hello"
        took.append(monotonic() - began)
        await asyncio.sleep(0.05)
    return sorted(took)


def p99_of(times: list[float]) -> float:
    """Return what 99 % of sorted times do not exceed."""
    return times[min(len(times) - 1, round(len(times) * 0.99))]


async def odd_places(url: str) -> None:
    """Put credentials where they do not belong."""
    for secret in SECRETS:
        for place in (f"{url}?token={secret}", f"{url}%20{secret}"):
            async with AsyncExitStack() as stack:
                socket: ClientConnection = await stack.enter_async_context(connect(place))
                await socket.send(json.dumps({"type": "auth", "token": secret * 2}))
                await socket.wait_closed()


async def test_who_does_not_authenticate_is_closed_in_time_and_hinders_nobody(
    tmp_path: Path, outcome: Outcome
) -> None:
    workers = Workers(tmp_path, unsafe=QUICK)
    with_origin(tmp_path)
    with workers:
        server, url = workers[0], f"ws://127.0.0.1:{workers[0].port}"
        session = server.open_session()
        place = f"{url}/v1/sessions/{session}"
        calm_s = p99_of(await healthy(url, session, CALM_S))
        async with asyncio.TaskGroup() as group:
            closing = [group.create_task(silent(place, at_s)) for at_s in spread(SILENT)]
            refused = [group.create_task(stranger(place, at_s)) for at_s in spread(STRANGERS)]
            for at_s in spread(SLOW):
                group.create_task(trickle(server.port, at_s, AUTH_S[0]))
            took = [
                group.create_task(healthy(url, session, COME_S + AUTH_S[0])) for _ in range(HEALTHY)
            ]
            group.create_task(odd_places(place))
        workers.drain()
        said = workers.said()
    ends = [task.result() for task in closing]
    p99_s = p99_of(sorted(time_s for task in took for time_s in task.result()))
    outcome.faults = SILENT + STRANGERS + SLOW
    closed_s = max(end for _, end in ends)
    outcome.notes = (
        f"closed after {closed_s:.2f} s, healthy p99 {p99_s:.3f} s, before {calm_s:.3f} s"
    )
    assert {code for code, _ in ends} == {4401}
    assert all(AUTH_S[0] <= end <= AUTH_S[1] for _, end in ends)
    assert {task.result() for task in refused} == {403}
    assert p99_s <= max(HEALTHY_S, GROWN_MAX * calm_s)
    assert [secret for secret in SECRETS if secret in said] == []


async def test_the_control_without_a_timer_keeps_them(tmp_path: Path, outcome: Outcome) -> None:
    with Workers(tmp_path, unsafe=[*QUICK, "no_auth_timer"]) as workers:
        place = f"ws://127.0.0.1:{workers[0].port}/v1/sessions/{workers[0].open_session()}"
        code, waited_s = await silent(place)
    outcome.control = f"no_auth_timer: still open after {waited_s:.0f} s"
    assert code is None
