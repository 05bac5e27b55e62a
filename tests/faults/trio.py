"""Three servers, of which the one that knows the least takes over: what `WAIT` cannot help against."""

from pathlib import Path
from typing import Self

from tests.faults.server import LOOPBACK, Node, Servers, free_port, wait_until


class Trio(Servers):
    """A primary (node 0), a replica that keeps up (node 1), and one that can be cut off (node 2)."""

    @classmethod
    def start(cls, folder: Path, *extra: str) -> Self:
        """Start all three, and wait until both replicas are in step."""
        trio = cls([])
        try:
            for _ in range(3):
                trio.nodes.append(Node.start(folder, *extra))
            for replica in trio.nodes[1:]:
                replica.ask("REPLICAOF", LOOPBACK, trio.nodes[0].port)
            wait_until(lambda: trio.replicas() == 2, "two replicas")
        except BaseException:
            trio.end()
            raise
        return trio

    def replicas(self) -> int:
        """Count the replicas that are in step with the primary."""
        said = self.nodes[0].about("replication")
        return sum("state=online" in said.get(f"slave{number}", "") for number in range(2))

    def cut_off(self) -> None:
        """Let node 2 hear of nothing any more; it keeps what it has, and the others go on without it."""
        self.nodes[2].ask("REPLICAOF", LOOPBACK, free_port())
        wait_until(lambda: self.replicas() == 1, "one replica")

    def lose(self) -> None:
        """Lose the two that are up to date."""
        self.kill(0)
        self.kill(1)

    def promote(self) -> None:
        """Let node 2 take over with what it has."""
        self.nodes[2].ask("REPLICAOF", "NO", "ONE")

    @property
    def url(self) -> str:
        return "redis://" + ",".join(f"{node.host}:{node.port}" for node in self.nodes)
