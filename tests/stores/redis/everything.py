"""Reads everything that servers hold, whatever its type, for tests that look for what must not be there."""

from collections.abc import Iterator

from tests.faults.server import Node, Reply, Servers

NO_END = -1
_READS = {
    b"string": lambda key: ("GET", key),
    b"hash": lambda key: ("HGETALL", key),
    b"list": lambda key: ("LRANGE", key, 0, -1),
    b"set": lambda key: ("SMEMBERS", key),
    b"zset": lambda key: ("ZRANGE", key, 0, -1),
}


def all_keys(servers: Servers) -> list[bytes]:
    """List every key of the primaries."""
    return sorted(key for node in servers.primaries() for key in _keys(node))


def kinds_without_end(servers: Servers) -> set[bytes]:
    """Name the kinds of keys (STORES.md 7.1) that no expiry ends."""
    return {
        key.split(b":")[2]
        for node in servers.primaries()
        for key in _keys(node)
        if node.ask("PTTL", key) == NO_END
    }


def holding(servers: Servers, word: bytes) -> list[bytes]:
    """List the keys in whose name or content a word stands."""
    return [
        key
        for node in servers.primaries()
        for key in _keys(node)
        if any(word in text for text in _texts(node, key))
    ]


def _keys(node: Node) -> set[bytes]:
    keys: set[bytes] = set()
    cursor: Reply = b"0"
    while True:
        assert isinstance(cursor, bytes)
        answer = node.ask("SCAN", cursor, "COUNT", 1_000)
        assert isinstance(answer, list)
        cursor, some = answer
        assert isinstance(some, list)
        keys |= {key for key in some if isinstance(key, bytes)}
        if cursor == b"0":
            return keys


def _texts(node: Node, key: bytes) -> Iterator[bytes]:
    yield key
    kind = node.ask("TYPE", key)
    assert isinstance(kind, bytes)
    yield from _flat(node.ask(*_READS[kind](key)))


def _flat(reply: Reply) -> Iterator[bytes]:
    if isinstance(reply, list):
        for part in reply:
            yield from _flat(part)
    elif isinstance(reply, bytes):
        yield reply
