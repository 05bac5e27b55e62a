"""The servers that tests start: reachable, emptied, stopped and started again."""

from pathlib import Path

import pytest

from tests.faults.server import Cluster, Pair, Single
from tests.servers import need_server


def test_a_single_server_keeps_what_it_was_told_over_a_kill(tmp_path: Path) -> None:
    need_server()
    with Single.start(tmp_path, "--appendfsync", "always") as server:
        server.node.ask("SET", "a", "b")
        server.kill()
        server.node.restart()
        assert server.node.ask("GET", "a") == b"b"
        server.flush()
        assert server.node.ask("DBSIZE") == 0


def test_a_pair_replicates_and_its_replica_can_be_promoted(tmp_path: Path) -> None:
    need_server()
    with Pair.start(tmp_path) as pair:
        assert pair.nodes[0].ask("SET", "a", "b") == b"OK"
        assert pair.nodes[0].ask("WAIT", 1, 1_000) == 1
        pair.kill(0)
        pair.promote()
        assert pair.primaries() == [pair.nodes[1]]
        assert pair.nodes[1].ask("GET", "a") == b"b"


@pytest.mark.parametrize("node", range(3))
def test_each_primary_of_a_cluster_is_emptied(valkey_cluster: Cluster, node: int) -> None:
    valkey_cluster.flush()
    assert len(valkey_cluster.primaries()) == 3
    assert valkey_cluster.nodes[node].ask("DBSIZE") == 0
