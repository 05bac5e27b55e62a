"""What the store may rely on: a command reaches its partition, or it is said that it did not."""

import asyncio
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.stores.redis.node import MakeLane
from engine.stores.redis.replies import script_of
from tests.faults.server import Pair, Single
from tests.servers import need_server
from tests.stores.redis.clients import COUNT, PUT, client_of, level_of, put, until_well
from tests.stores.redis.lanes import KINDS

pytestmark = pytest.mark.anyio

every_lane = pytest.mark.parametrize("make", KINDS, ids=["hiredis", "redis-py"])


@every_lane
async def test_commands_and_scripts_reach_the_server(make: MakeLane, valkey: Single) -> None:
    valkey.flush()
    async with client_of(valkey.url, make=make) as client:
        await put(client, 3, "kept")
        key = client.keys.of(3, "x", "0")
        assert await client.read(3, "GET", key) == b"kept"
        assert await client.write(3, "DEL", key) == 1
        assert await client.write(3, "DEL", key, durable=False) == 0
        assert (client.partitions, client.primaries) == (256, 1)
        assert (await client.pings()).why == ""


@every_lane
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"])
async def test_the_loop_of_the_server_is_as_good(make: MakeLane, valkey: Single) -> None:
    async with client_of(valkey.url, make=make) as client:
        await asyncio.gather(*(put(client, n, str(n), lane=n) for n in range(200)))


async def test_a_script_that_the_server_forgot_is_loaded_again(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        valkey.node.ask("SCRIPT", "FLUSH")
        await put(client, 1, "a")
        unknown = script_of("late", "return ARGV[1]")
        assert await client.run(1, unknown, (), ("x",)) == b"x"


async def test_a_script_that_is_wrong_is_a_bug(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        wrong = script_of("wrong", "return redis.call('NOSUCHCOMMAND')")
        with pytest.raises(RuntimeError, match="refused a command of ours"):
            await client.run(1, wrong, (), ())


async def test_a_full_server_did_nothing_and_serves_again_when_it_has_room(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        valkey.node.ask("CONFIG", "SET", "maxmemory", 1)
        try:
            with pytest.raises(StoreUnavailable) as failure:
                await put(client, 1, "a")
            assert failure.value.outcome == "none"
            assert await client.read(1, "EXISTS", client.keys.of(1, "nothing")) == 0
        finally:
            valkey.node.ask("CONFIG", "SET", "maxmemory", 0)
        await put(client, 1, "b")


async def test_a_server_that_stands_still_delays_nobody_beyond_the_deadline(
    valkey: Single,
) -> None:
    loop = asyncio.get_running_loop()
    valkey.flush()
    outcomes: list[str] = []

    async def visit(number: int) -> None:
        for turn in range(200):
            began = loop.time()
            try:
                await put(client, number, f"{number}-{turn}", lane=number)
            except StoreUnavailable as failure:
                outcomes.append(failure.outcome)
                await asyncio.sleep(0.05)
            assert loop.time() - began < 2.5

    async with client_of(valkey.url) as client:
        visits = asyncio.gather(*(visit(number) for number in range(50)))
        await asyncio.sleep(0.05)
        valkey.stop()
        await asyncio.sleep(2.3)
        valkey.cont()
        await visits
        assert {"unknown", "none"} >= set(outcomes)
        assert "none" in outcomes
        async with asyncio.timeout(5):
            await put(client, 1, "after")
        assert client.trouble == ""


async def test_what_is_sent_twice_is_done_once(valkey: Single) -> None:
    valkey.flush()
    async with client_of(valkey.url) as client:
        keys = (client.keys.of(5, "ops"), client.keys.of(5, "sum"))

        async def cut() -> None:
            for _ in range(20):
                valkey.node.ask("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
                await asyncio.sleep(0.02)

        calls = [client.run(5, COUNT, keys, (f"op{n}",), lane=n) for n in range(2_000)]
        await asyncio.gather(cut(), *calls)
        assert await client.read(5, "GET", keys[1]) == b"2000"


async def test_a_closed_client_lets_go_on_what_was_asked_and_refuses_the_rest(
    valkey: Single,
) -> None:
    async with client_of(valkey.url) as client:
        asked = [asyncio.ensure_future(put(client, n, "x", lane=n)) for n in range(100)]
        await asyncio.sleep(0)
        await client.close()
        await asyncio.gather(*asked)
        with pytest.raises(StoreUnavailable) as failure:
            await put(client, 1, "late")
        assert failure.value.outcome == "none"
        assert client.trouble


async def test_the_time_is_the_servers_and_only_rises(valkey: Single) -> None:
    async with client_of(valkey.url) as client:
        for _ in range(20):
            before = client.now_ms()
            told = valkey.node.ask("TIME")
            assert isinstance(told, list)
            seconds, micros = (int(part) for part in told if isinstance(part, bytes))
            after = client.now_ms()
            assert before - 50 <= seconds * 1_000 + micros // 1_000 <= after + 50
            assert before <= after


@every_lane
async def test_a_promoted_replica_is_found_and_has_every_answered_write(
    make: MakeLane, tmp_path: Path
) -> None:
    need_server()
    loop = asyncio.get_running_loop()
    with Pair.start(tmp_path) as pair:
        async with client_of(pair.url, make=make) as client:
            assert client.durability == "D2"
            histories = client.histories
            written: list[int] = []

            async def write(until: float) -> None:
                while loop.time() < until:
                    number = len(written)
                    key = client.keys.of(7, "n", str(number))
                    try:
                        await client.run(7, PUT, (key,), (number,))
                    except StoreUnavailable:
                        await asyncio.sleep(0.02)
                    else:
                        written.append(number)
                        await asyncio.sleep(0.002)

            writer = asyncio.ensure_future(write(loop.time() + 3))
            await asyncio.sleep(0.5)
            before = len(written)
            pair.kill(0)
            await asyncio.sleep(0.3)
            pair.promote()
            await writer
            assert 0 < before < len(written)
            keys = [client.keys.of(7, "n", str(number)) for number in written]
            assert pair.nodes[1].ask("EXISTS", *keys) == len(written)
            assert client.nodes.primary(7).address.port == pair.nodes[1].port
            assert await level_of(client) == "D1"
            assert client.histories != histories


async def test_of_two_primaries_the_one_that_was_promoted_is_used(tmp_path: Path) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        async with client_of(pair.url) as client:
            await put(client, 1, "on both")
            pair.promote()
            await client.nodes.look()
            await put(client, 1, "on the new one")
            assert pair.nodes[1].ask("GET", client.keys.of(1, "x", "0")) == b"on the new one"
            assert pair.nodes[0].ask("GET", client.keys.of(1, "x", "0")) == b"on both"
            pair.kill(0)
            pair.nodes[0].restart()
            for _ in range(3):
                await client.nodes.look()
            await put(client, 1, "still on the new one")
            pair.stop(1)
            await asyncio.sleep(1.2)
            for _ in range(3):
                await client.nodes.look()
            with pytest.raises(StoreUnavailable):
                await put(client, 1, "on the old one")
            assert "took its place without its data" in client.trouble
            pair.cont(1)
            await until_well(client)
            await put(client, 1, "again on the new one")
            assert client.nodes.primary(1).address.port == pair.nodes[1].port


async def test_a_server_that_comes_back_is_used_again(tmp_path: Path) -> None:
    need_server()
    with Single.start(tmp_path, "--appendfsync", "always") as server:
        async with client_of(server.url) as client:
            assert client.durability == "D2"
            await put(client, 1, "before")
            server.kill()
            with pytest.raises(StoreUnavailable):
                await put(client, 1, "meanwhile")
            with pytest.raises(StoreUnavailable) as refusal:
                await put(client, 1, "meanwhile")
            assert refusal.value.outcome == "none"
            assert (await client.pings()).down == (f"127.0.0.1:{server.node.port}",)
            server.node.restart()
            await until_well(client)
            assert await client.read(1, "GET", client.keys.of(1, "x", "0")) == b"before"
            await put(client, 1, "after")
