"""Fixtures that give tests a real Valkey or Redis, started once a run; without a binary they skip."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.server import Cluster, Single, find_server, given_url


def need_server() -> None:
    """Skip, loudly, when there is no server to test with; with CI set that is a failure."""
    if given_url() is not None or find_server() is not None:
        return
    words = "NO VALKEY OR REDIS FOUND: install one, or set OPPORTUNE_TEST_REDIS to its path or URL"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


@pytest.fixture(scope="session")
def servers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def valkey(servers_folder: Path) -> Iterator[Single]:
    """One server for the whole run; flush it between tests."""
    need_server()
    url = given_url()
    with Single.at(url) if url else Single.start(servers_folder) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_cluster(servers_folder: Path) -> Iterator[Cluster]:
    """A cluster of three primaries and three replicas for the whole run; flush it between tests."""
    need_server()
    if find_server() is None:
        pytest.skip("a cluster needs the server's binary")
    with Cluster.start(servers_folder) as cluster:
        yield cluster
