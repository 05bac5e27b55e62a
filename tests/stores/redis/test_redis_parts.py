"""The parts of the Redis store stand side by side: no name of one hides that of another."""

from collections import Counter
from pathlib import Path

import pytest

from engine.stores.base import Store
from engine.stores.redis import replies as redis_replies
from engine.stores.redis.store import RedisStore

LUA = Path(redis_replies.__file__).parent / "lua"


def test_no_part_overrides_another() -> None:
    parts = [
        part for part in RedisStore.__mro__ if part.__module__.startswith("engine.stores.redis_")
    ]
    names = Counter(
        name
        for part in parts
        for name in vars(part)
        if callable(getattr(part, name)) and name[:2] != "__"
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_every_operation_of_the_contract_is_there() -> None:
    promised = {name for name in vars(Store) if not name.startswith("_")}
    assert {name for name in promised if not hasattr(RedisStore, name)} <= {
        "durability",
        "partitions",
    }


@pytest.mark.parametrize("path", sorted(LUA.glob("*.lua")), ids=lambda path: path.stem)
def test_a_script_says_what_it_takes_and_is_used(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] in ("#!lua flags=", "#!lua flags=no-writes", "#!lua flags=allow-oom")
    head = [line for line in lines if line.startswith("--")]
    for word in ("KEYS", "returns"):
        assert any(word.lower() in line.lower() for line in head), word
    users = [
        file for file in LUA.parent.glob("*.py") if f'script("{path.stem}")' in file.read_text()
    ]
    assert users
