"""A deployment that cannot keep sessions is refused, with one sentence that says what to change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import StoreRefused
from engine.stores.redis import opening as redis_opening
from engine.stores.redis.checks import Facts, Finding, examine, judge_version
from tests.faults.server import Cluster, Pair, Single, free_port
from tests.servers import need_server
from tests.stores.redis.clients import client_of, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(valkey: Single) -> Iterator[Single]:
    valkey.flush()
    yield valkey
    for setting, value in (
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
    ):
        valkey.node.ask("CONFIG", "SET", setting, value)
    valkey.flush()


async def refusal_of(url: str, *, partitions: int | None = None) -> str:
    with pytest.raises(StoreRefused) as refused:
        async with client_of(url, partitions=partitions):
            pass
    assert refused.value.reason.count("\n") == 0
    return refused.value.reason


# ---- on a real server


async def test_where_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
    port = free_port()
    reason = await refusal_of(f"redis://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in reason
    assert "correct [store] url" in reason


async def test_a_cluster_is_not_taken_for_a_server_nor_a_server_for_a_cluster(
    server: Single, valkey_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey_cluster.flush()
    reason = await refusal_of(valkey_cluster.nodes[0].url)
    assert "begin [store] url with redis+cluster://" in reason
    monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
    reason = await refusal_of(server.url.replace("redis://", "redis+cluster://"))
    assert "begin [store] url with redis:// instead" in reason


async def test_two_primaries_that_do_not_know_each_other_are_refused(
    server: Single, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
    with Single.start(tmp_path) as other:
        reason = await refusal_of(f"{server.url},127.0.0.1:{other.node.port}")
    assert "make one a replica of the other" in reason


async def test_where_there_are_only_replicas_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_server()
    monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
    with Pair.start(tmp_path) as pair:
        assert "promote one" in await refusal_of(pair.nodes[1].url)


async def test_a_server_that_evicts_is_refused(server: Single) -> None:
    server.node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "set maxmemory-policy to noeviction" in await refusal_of(server.url)
    assert server.node.ask("DBSIZE") == 0


async def test_another_number_of_partitions_is_refused(server: Single) -> None:
    async with client_of(server.url, partitions=64) as client:
        assert client.partitions == 64
    assert "set [store] partitions to 64, not 128" in await refusal_of(server.url, partitions=128)
    async with client_of(server.url) as client:
        assert client.partitions == 64
        await put(client, 63, "x")


@pytest.mark.parametrize("partitions", [0, -1, 1_025])
async def test_an_impossible_number_of_partitions_is_refused(
    server: Single, partitions: int
) -> None:
    assert "from 1 to 1024" in await refusal_of(server.url, partitions=partitions)


@pytest.mark.parametrize("partitions", [1, 256, 1_024])
async def test_every_number_of_partitions_is_known_again(server: Single, partitions: int) -> None:
    async with client_of(server.url, partitions=partitions) as client:
        await put(client, partitions - 1, "x")
    async with client_of(server.url) as client:
        assert client.partitions == partitions


async def test_another_layout_of_keys_is_refused(server: Single) -> None:
    async with client_of(server.url):
        pass
    [key] = [key for key in _keys(server) if key.endswith(b":meta")]
    server.node.ask("HSET", key, "layout", 99)
    assert "use the version that wrote them, or another database" in await refusal_of(server.url)


async def test_a_wrong_password_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_server()
    with Single.start(tmp_path) as locked:
        locked.node.ask("ACL", "SETUSER", "op", "on", ">right", "~op:*", "&op:*", "+@all")
        locked.node.ask("ACL", "SETUSER", "default", "off")
        place = f"127.0.0.1:{locked.node.port}"
        async with client_of(f"redis://op:right@{place}/3") as client:
            await put(client, 1, "x")
            await client.channels.subscribe(1, client.keys.work_channel(1))
        monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
        reason = await refusal_of(f"redis://op:wrong@{place}")
        assert "WRONGPASS" in reason
        assert "wrong@" not in reason
        assert "NOAUTH" in await refusal_of(f"redis://{place}")


async def test_a_user_who_may_do_no_more_than_is_needed_is_enough(tmp_path: Path) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        allowed = ["+@all", "-@dangerous", "+info", "+config|get", "+wait", "+bgrewriteaof"]
        for node in pair.nodes:
            node.ask("ACL", "SETUSER", "op", "on", ">pw", "~op:*", "&op:*", *allowed)
        places = pair.url.removeprefix("redis://")
        async with client_of(f"redis://op:pw@{places}") as client:
            await put(client, 1, "x")
            await client.channels.subscribe(1, client.keys.work_channel(1))
            assert client.durability == "D2"
            assert {finding.level for finding in client.findings} == {"ok", "warning"}


async def test_a_server_that_does_not_tell_its_settings_is_not_verified(tmp_path: Path) -> None:
    need_server()
    with Single.start(tmp_path) as managed:
        managed.node.ask("ACL", "SETUSER", "default", "-config")
        async with client_of(managed.url) as client:
            [finding] = [found for found in client.findings if found.setting == "CONFIG GET"]
            assert finding.level == "warning"
            assert "not verified" in finding.words


@pytest.mark.parametrize(
    ("only", "sync", "level"),
    [("yes", "always", "D2"), ("yes", "everysec", "D1"), ("no", "always", "D1")],
)
async def test_a_lone_server_is_as_durable_as_its_own_disk(
    server: Single, only: str, sync: str, level: str
) -> None:
    server.node.ask("CONFIG", "SET", "appendonly", only)
    server.node.ask("CONFIG", "SET", "appendfsync", sync)
    async with client_of(server.url) as client:
        assert client.durability == level
        warned = {found.setting for found in client.findings if found.level == "warning"}
        assert ("appendfsync" in warned) == (sync != "always")
        assert ("appendonly" in warned) == (only == "no")
    async with client_of(server.url, durability="D1") as client:
        assert client.durability == "D1"


def _keys(server: Single) -> list[bytes]:
    found = server.node.ask("KEYS", "*")
    assert isinstance(found, list)
    return [key for key in found if isinstance(key, bytes)]


# ---- on what a server could say

SAFE = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory": "1000000",
    "maxmemory-policy": "noeviction",
    "min-replicas-to-write": "1",
}
ABOUT = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}


def findings_of(changed: dict[str, str] | None = None, replicas: int = 1) -> dict[str, Finding]:
    found = examine(Facts("h:1", ABOUT, SAFE | (changed or {}), replicas))
    return {finding.setting: finding for finding in found}


@pytest.mark.parametrize(
    ("about", "level"),
    [
        ({"redis_version": "6.2.14"}, "refused"),
        ({"redis_version": "7.0.0"}, "ok"),
        ({"redis_version": "8.2"}, "ok"),
        ({"redis_version": "10.0.1"}, "ok"),
        ({"redis_version": "7.0.0", "server_name": "valkey", "valkey_version": "7.1.9"}, "refused"),
        ({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.2.4"}, "ok"),
        (ABOUT, "ok"),
        ({"redis_version": "255.255.255"}, "ok"),
        ({}, "warning"),
    ],
)
def test_a_server_below_the_floor_is_refused(about: dict[str, str], level: str) -> None:
    finding = judge_version("h:1", about)
    assert finding.level == level
    assert ("or newer" in finding.words) == (level != "ok")


def test_a_safe_server_has_nothing_to_say() -> None:
    assert {finding.level for finding in findings_of().values()} == {"ok"}
    assert not any(finding.words for finding in findings_of().values())


@pytest.mark.parametrize(
    ("setting", "value", "level"),
    [
        ("maxmemory-policy", "volatile-ttl", "refused"),
        ("maxmemory", "0", "warning"),
        ("appendonly", "no", "warning"),
        ("min-replicas-to-write", "0", "warning"),
    ],
)
def test_each_unsafe_setting_is_said_with_what_to_set(setting: str, value: str, level: str) -> None:
    finding = findings_of({setting: value})[setting]
    assert (finding.level, finding.found) == (level, value)
    assert f"set {setting}" in finding.words


def test_a_lone_server_has_to_sync_always_and_a_followed_one_has_not() -> None:
    assert findings_of(replicas=0)["appendfsync"].level == "warning"
    assert findings_of({"appendfsync": "always"}, replicas=0)["appendfsync"].level == "ok"
    assert "appendfsync" not in findings_of(replicas=1)
