"""T14: sockets that lose their worker or their hints go on where they were, or are told that they cannot."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.hint_dropper import HintDropper, is_hints
from tests.faults.resuming import NO_LIMITS, Room
from tests.faults.runs import SEED, Outcome, sized
from tests.faults.server import Single, find_server
from tests.faults.workers import Workers
from tests.servers import need_server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(sized(60, 900))]
SOCKETS = sized(50, 2_000)
MESSAGES = sized(6, 3)
AWAY = sized(1, 20)
ROLLED_BACK = sized(8, 200)
# More than the 256 that are kept for clients which come back.
MISSED_BY_THOSE_AWAY = 300
DROPPED = 0.1
MOSTLY = 0.7
RESUMED_S = 5.0 * 3
RESUMED_SHARE = 0.95
# A lost hint costs a second so, and 30 to 40 s in truth; thousands that look every second are a load of its own.
QUICK = "quick_look"
READ_S = sized(12.0, 60.0)


@asynccontextmanager
async def room(
    folder: Path, store: Single, sockets: int, *unsafe: str
) -> AsyncIterator[tuple[Workers, Room, HintDropper]]:
    """Open sockets at two workers, behind a proxy that can lose hints."""
    with (
        HintDropper(store.node.port, SEED) as proxy,
        Workers(
            folder,
            2,
            store=f"redis://127.0.0.1:{proxy.port}",
            durability="D1",
            unsafe=unsafe,
            more=NO_LIMITS,
        ) as workers,
    ):
        opened = Room(workers.ports, SEED)
        try:
            await opened.open(sockets)
            yield workers, opened, proxy
        finally:
            await opened.close()


async def come_back(opened: Room) -> None:
    """Let some clients return after more messages than are kept for them."""
    away = opened.clients[:AWAY]
    await asyncio.gather(*(client.leave() for client in away))
    await opened.say(away, MISSED_BY_THOSE_AWAY, at_once=10)
    for client in away:
        client.come()
    await opened.all_open()


async def test_sockets_miss_nothing_when_a_worker_dies_and_hints_are_lost(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    async with room(tmp_path, redis, SOCKETS, *sized([QUICK], [])) as (workers, opened, proxy):
        proxy.share = DROPPED
        saying = asyncio.create_task(opened.say(opened.clients, MESSAGES, sized(0.25, 1.0)))
        await asyncio.sleep(sized(0.7, 15.0))
        await asyncio.to_thread(workers.kill, 0)
        await saying
        await opened.all_open()
        await come_back(opened)
        await opened.read_all(READ_S)
        totals = opened.totals()
    returned = sorted(took_s for client in opened.clients for took_s in client.took_s)
    outcome.acked, outcome.lost, outcome.doubled = totals.said, totals.missed, totals.twice
    outcome.faults = proxy.dropped + 1
    outcome.notes = f"{len(returned)} came back, the last after {returned[-1]:.2f} s"
    assert (totals.missed, totals.twice, totals.gaps) == (0, 0, 0)
    assert totals.said == SOCKETS * MESSAGES + AWAY * MISSED_BY_THOSE_AWAY
    assert proxy.dropped > 0
    assert len(returned) >= SOCKETS // 2 - AWAY
    assert returned[int(RESUMED_SHARE * len(returned))] <= RESUMED_S
    assert all(client.recovered[-1] is False for client in opened.clients[:AWAY])
    assert all(client.page.starts == 2 for client in opened.clients[:AWAY])
    assert all(all(client.recovered[1:]) for client in opened.clients[AWAY:])


async def test_the_control_that_trusts_hints_misses_messages(
    tmp_path: Path, redis: Single, outcome: Outcome
) -> None:
    async with room(tmp_path, redis, 20, QUICK, "no_history") as (_, opened, proxy):
        # Of few lost hints each may be one that nobody waited for.
        proxy.share = MOSTLY
        await opened.say(opened.clients, 8, 0.05)
        await opened.read_all(1.0)
        totals = opened.totals()
    outcome.acked, outcome.faults = totals.said, proxy.dropped
    outcome.control = f"no_history missed {totals.missed}"
    assert totals.missed > 0


async def test_after_a_store_that_went_back_every_page_shows_what_it_holds(
    tmp_path: Path, outcome: Outcome
) -> None:
    opened, starts = await went_back(tmp_path, ROLLED_BACK, READ_S)
    totals = opened.totals()
    outcome.acked, outcome.lost, outcome.doubled = totals.said, totals.missed, totals.twice
    outcome.faults = 1
    assert {client.session: client.page.ids for client in opened.clients} == opened.said
    assert all(
        client.page.starts > before for client, before in zip(opened.clients, starts, strict=True)
    )


@pytest.mark.full_size
async def test_the_control_that_keeps_the_epoch_shows_what_the_store_does_not_hold(
    tmp_path: Path, outcome: Outcome
) -> None:
    opened, _ = await went_back(tmp_path, 20, 3.0, "epoch_kept")
    said = opened.said
    wrong = sum(client.page.ids != said[client.session] for client in opened.clients)
    outcome.acked, outcome.faults = opened.totals().said, 1
    outcome.control = f"epoch_kept: {wrong} of {len(opened.clients)} pages are wrong"
    assert wrong > 0


async def went_back(
    folder: Path, count: int, within_s: float, *unsafe: str
) -> tuple[Room, list[int]]:
    """Let people write, let the store forget some of it, and let them write on.

    Answers the room, of which the forgotten is forgotten, and how often each page had started until then.
    """
    need_server()
    if find_server() is None:
        pytest.skip("a store of its own needs the server's binary")
    with Single.start(folder / "redis") as store:
        async with room(folder, store, count, QUICK, *unsafe) as (workers, opened, _):
            # One worker knows what was lost; the other writes as if it had never been.
            opened.ports = workers.ports[:1]
            await opened.say(opened.clients, 3)
            copy = await asyncio.to_thread(copy_of, store, folder / "copy")
            await opened.say(opened.clients, 4)
            await opened.read_all(READ_S)
            starts = [client.page.starts for client in opened.clients]
            # Half of the pages are away meanwhile, and find more messages than they had seen.
            away = opened.clients[::2]
            await asyncio.gather(*(client.leave() for client in away))
            await asyncio.to_thread(go_back, store, copy)
            opened.forget_after(3)
            opened.ports = workers.ports[1:]
            await opened.say(opened.clients, 6)
            for client in away:
                client.come()
            await opened.all_open()
            await opened.read_all(within_s)
    return opened, starts


def copy_of(store: Single, folder: Path) -> Path:
    """Copy the files of a server that runs, as they are now."""
    shutil.copytree(files_of(store), folder)
    return folder


def go_back(store: Single, copy: Path) -> None:
    """End a server as a power switch would, and start it with files of before."""
    files = files_of(store)
    store.kill()
    shutil.rmtree(files)
    shutil.copytree(copy, files)
    store.node.restart()


def files_of(store: Single) -> Path:
    folder = store.node.ask("CONFIG", "GET", "dir")
    assert isinstance(folder, list)
    assert isinstance(folder[1], bytes)
    return Path(folder[1].decode()) / "appendonlydir"


def test_only_whole_hints_are_hints() -> None:
    hint = b">3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$3\r\nabc\r\n"
    assert is_hints(hint)
    assert is_hints(hint + hint)
    assert not is_hints(hint[:-1])
    assert not is_hints(hint + b"+PONG\r\n")
    assert not is_hints(b">3\r\n$10\r\nssubscribe\r\n$2\r\nch\r\n:1\r\n")
    assert not is_hints(b"")
