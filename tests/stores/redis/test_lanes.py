"""What every lane promises: each caller its own reply, in order, or a clear word that there is none."""

import asyncio

import pytest

from engine.errors import StoreUnavailable
from engine.limits import (
    LANE_BATCH_BYTES_MAX,
    LANE_BATCH_LEN_MAX,
    LANE_QUEUE_BYTES_MAX,
    LANE_QUEUE_LEN_MAX,
)
from engine.stores.redis.lane import HiredisLane
from engine.stores.redis.lanes import Safety
from engine.stores.redis.node import MakeLane
from engine.stores.redis.replies import LaneLeft, ServerSaid
from tests.faults.server import Single, free_port
from tests.stores.redis.fake_server import CUT, echo, faking
from tests.stores.redis.lanes import KINDS, lane_to

pytestmark = pytest.mark.anyio

every_lane = pytest.mark.parametrize("make", KINDS, ids=["hiredis", "redis-py"])


def secret(number: int) -> str:
    return f"secret-{number:06d}"


# ---- over a real server


@every_lane
async def test_a_thousand_callers_get_their_own_replies(make: MakeLane, valkey: Single) -> None:
    async with lane_to(make, valkey.node.port) as lane:
        asked = [lane.ask("ECHO", secret(number)) for number in range(1_000)]
        replies = await asyncio.gather(*asked)
        assert replies == [secret(number).encode() for number in range(1_000)]
        assert lane.room.calls == lane.room.bytes == 0


@every_lane
async def test_commands_of_a_lane_keep_their_order(make: MakeLane, valkey: Single) -> None:
    valkey.flush()
    async with lane_to(make, valkey.node.port) as lane:
        replies = await asyncio.gather(*(lane.ask("INCR", "n") for _ in range(300)))
        assert replies == list(range(1, 301))


@every_lane
async def test_a_cancelled_caller_takes_nobody_elses_reply(make: MakeLane, valkey: Single) -> None:
    async with lane_to(make, valkey.node.port) as lane:
        await lane.ask("PING")
        asked = [lane.ask("ECHO", secret(number)) for number in range(600)]
        for number, future in enumerate(asked):
            if number % 3 == 0:
                asyncio.get_running_loop().call_later(number / 300_000, future.cancel)
        replies = await asyncio.gather(*asked, return_exceptions=True)
        for number, reply in enumerate(replies):
            assert reply == secret(number).encode() or isinstance(reply, asyncio.CancelledError)
        assert sum(isinstance(reply, bytes) for reply in replies) >= 400
        assert await lane.ask("ECHO", "after") == b"after"
        assert lane.room.calls == 0


@every_lane
async def test_an_error_reply_is_its_callers_alone(make: MakeLane, valkey: Single) -> None:
    valkey.flush()
    async with lane_to(make, valkey.node.port) as lane:
        asked = (lane.ask("SET", "a", "b"), lane.ask("INCR", "a"), lane.ask("GET", "a"))
        written, refused, read = await asyncio.gather(*asked, return_exceptions=True)
        assert (written, read) == (b"OK", b"b")
        assert isinstance(refused, ServerSaid)
        assert refused.code == "ERR"


@every_lane
async def test_replies_have_the_shapes_of_resp2(make: MakeLane, valkey: Single) -> None:
    valkey.flush()
    async with lane_to(make, valkey.node.port) as lane:
        await lane.ask("HSET", "h", "a", "1")
        await lane.ask("ZADD", "z", "1.5", "m")
        assert await lane.ask("HGETALL", "h") == [b"a", b"1"]
        assert await lane.ask("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"m", b"1.5"]
        assert await lane.ask("GET", "absent") is None
        assert await lane.ask("EVAL", "return {1, {'a', 2}}", 0) == [1, [b"a", 2]]


@every_lane
async def test_a_lane_tells_the_servers_time(make: MakeLane, valkey: Single) -> None:
    async with lane_to(make, valkey.node.port) as lane:
        await lane.ask("PING")
        await lane.told.has_sampled.wait()
        seconds = valkey.node.ask("TIME")
        assert isinstance(seconds, list)
        assert isinstance(seconds[0], bytes)
        assert abs(lane.told.samples[0] / 1_000_000 - int(seconds[0])) < 5


@every_lane
async def test_a_lane_for_writes_hands_them_back_when_its_server_is_a_replica(
    make: MakeLane, valkey: Single
) -> None:
    valkey.node.ask("REPLICAOF", "127.0.0.1", free_port())
    try:
        async with lane_to(make, valkey.node.port) as lane:
            with pytest.raises(LaneLeft) as left:
                await lane.ask("SET", "a", "b")
            assert not left.value.sent
        async with lane_to(make, valkey.node.port, writes=False) as reader:
            assert await reader.ask("ECHO", "read") == b"read"
    finally:
        valkey.node.ask("REPLICAOF", "NO", "ONE")


@every_lane
async def test_a_closed_lane_hands_back_what_is_unanswered(make: MakeLane) -> None:
    async with faking(lambda _: None) as fake, lane_to(make, fake.port) as lane:
        asked = lane.ask("ECHO", "x")
        await fake.was_heard.wait()
        await lane.lane.close()
        with pytest.raises(LaneLeft) as left:
            await asked
        assert left.value.sent
        with pytest.raises(LaneLeft):
            lane.ask("ECHO", "y")
        assert lane.room.calls == 0


# ---- over a server that misbehaves


@every_lane
async def test_what_was_unanswered_when_a_connection_broke_is_sent_again(make: MakeLane) -> None:
    cuts = iter([False] * 30 + [True] + [False] * 50 + [True])

    def behave(words: list[bytes]) -> bytes:
        return CUT if next(cuts, False) else echo(words)

    async with faking(behave) as fake, lane_to(make, fake.port) as lane:
        asked = [lane.ask("ECHO", secret(number)) for number in range(200)]
        assert await asyncio.gather(*asked) == [secret(n).encode() for n in range(200)]
        assert fake.connections >= 3
        assert {words[1].decode() for words in fake.heard} == {secret(n) for n in range(200)}


@pytest.mark.parametrize("rubbish", [b"+too much\r\n", b"what is this?\r\n"])
async def test_more_than_was_asked_for_or_no_reply_at_all_ends_the_connection(
    rubbish: bytes,
) -> None:
    bad = iter([True])

    def behave(words: list[bytes]) -> bytes:
        return echo(words) + (rubbish if next(bad, False) else b"")

    async with faking(behave) as fake, lane_to(HiredisLane, fake.port) as lane:
        assert await lane.ask("ECHO", "first") == b"first"
        asked = [lane.ask("ECHO", secret(number)) for number in range(100)]
        assert await asyncio.gather(*asked) == [secret(n).encode() for n in range(100)]
        assert fake.connections >= 2


@every_lane
async def test_a_second_of_silence_ends_the_connection(make: MakeLane) -> None:
    silent = iter([True])

    def behave(words: list[bytes]) -> bytes | None:
        return None if next(silent, False) else echo(words)

    async with faking(behave) as fake, lane_to(make, fake.port) as lane:
        assert await lane.ask("ECHO", "again", within_s=3.0) == b"again"
        assert fake.connections == 2
        assert [words[1] for words in fake.heard] == [b"again", b"again"]


@every_lane
async def test_an_answer_that_never_comes_is_unknown(make: MakeLane) -> None:
    async with faking(lambda _: None) as fake, lane_to(make, fake.port) as lane:
        with pytest.raises(StoreUnavailable) as failure:
            await lane.ask("ECHO", "x", within_s=0.3)
        assert failure.value.outcome == "unknown"
        assert fake.heard


@every_lane
async def test_what_was_never_sent_is_not_done(make: MakeLane) -> None:
    async with lane_to(make, free_port()) as lane:
        with pytest.raises(StoreUnavailable) as failure:
            await lane.ask("ECHO", "x", within_s=0.3)
        assert failure.value.outcome == "none"
        assert lane.told.losses


@every_lane
async def test_a_server_that_is_gone_is_refused_at_once_and_found_again(make: MakeLane) -> None:
    port = free_port()
    async with lane_to(make, port) as lane:
        await asyncio.sleep(1.1)
        with pytest.raises(StoreUnavailable) as failure:
            lane.ask("ECHO", "x")
        assert failure.value.outcome == "none"
        assert "does not answer" in lane.lane.trouble
        async with faking(echo, port):
            async with asyncio.timeout(5):
                await lane.told.is_open.wait()
            assert await lane.ask("ECHO", "back") == b"back"
            assert not lane.lane.trouble


@every_lane
@pytest.mark.parametrize(
    ("size", "fit"), [(8, LANE_QUEUE_LEN_MAX), (LANE_QUEUE_BYTES_MAX // 16, 15)]
)
async def test_a_full_lane_refuses_at_once(make: MakeLane, size: int, fit: int) -> None:
    answers: list[bool] = []

    def behave(words: list[bytes]) -> bytes | None:
        return echo(words) if answers else None

    async with faking(behave) as fake, lane_to(make, fake.port) as lane:
        asked = [lane.ask("ECHO", b"x" * size) for _ in range(fit)]
        with pytest.raises(StoreUnavailable) as failure:
            lane.ask("ECHO", b"x" * size)
        assert failure.value.outcome == "none"
        for future in asked:
            future.cancel()
        answers.append(True)
        assert await lane.ask_until_answered("ECHO", "room") == b"room"
        assert lane.room.calls == lane.room.bytes == 0


async def test_many_commands_share_one_wait() -> None:
    def behave(words: list[bytes]) -> bytes:
        return b":1\r\n" if words[0] == b"WAIT" else echo(words)

    safety = Safety(1, ("fence",))
    async with faking(behave) as fake, lane_to(HiredisLane, fake.port, safety=safety) as lane:
        await lane.told.is_open.wait()
        asked = [lane.ask("ECHO", secret(n), durable=True) for n in range(LANE_BATCH_LEN_MAX + 1)]
        assert len(await asyncio.gather(*asked)) == LANE_BATCH_LEN_MAX + 1
        kinds = [words[0] for words in fake.heard]
        assert kinds.count(b"WAIT") == 2
        assert kinds.index(b"WAIT") == LANE_BATCH_LEN_MAX


@pytest.mark.parametrize(("size", "waits"), [(100_000, 3), (LANE_BATCH_BYTES_MAX + 1, 5)])
async def test_a_batch_is_limited_in_bytes_and_takes_one_command_of_any_size(
    size: int, waits: int
) -> None:
    def behave(words: list[bytes]) -> bytes:
        return b":1\r\n" if words[0] == b"WAIT" else b"+OK\r\n"

    safety = Safety(1, ("fence",))
    async with faking(behave) as fake, lane_to(HiredisLane, fake.port, safety=safety) as lane:
        await lane.told.is_open.wait()
        await asyncio.gather(*(lane.ask("ECHO", b"x" * size, durable=True) for _ in range(5)))
        assert [words[0] for words in fake.heard].count(b"WAIT") == waits


@every_lane
async def test_a_refusal_of_what_was_sent_before_says_so(make: MakeLane) -> None:
    replies = iter([b"-OOM no\r\n", CUT, b"-OOM no\r\n"])
    async with faking(lambda _: next(replies)) as fake, lane_to(make, fake.port) as lane:
        for was_resent in (False, True):
            with pytest.raises(ServerSaid) as refusal:
                await lane.ask("ECHO", "x")
            assert (refusal.value.code, refusal.value.was_resent) == ("OOM", was_resent)
