"""Which server has which partition: found at the start, and again whenever that comes into doubt."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from engine.errors import StoreUnavailable
from engine.stores.partitions import PARTITIONS_MAX, slot_of, tags
from engine.stores.records import Durability
from engine.stores.redis.address import Address
from engine.stores.redis.handshake import Replication, fields_of, replication
from engine.stores.redis.heirs import choose
from engine.stores.redis.keys import PREFIX, Keys
from engine.stores.redis.lanes import RETRY_AFTER_MS
from engine.stores.redis.node import Node, Terms
from engine.stores.redis.replies import LaneLeft, Reply, ServerSaid, Word
from engine.stores.redis.server_time import ServerTime
from engine.stores.redis.views import followed, owners, read_nodes

_log = logging.getLogger("opportune.stores")

META_TAG = tags(PARTITIONS_MAX)[0]
"""In the first range of slots, whatever the number of partitions."""
META = -1
"""The place of what a deployment has once; partitions are counted from 0."""
_SPACING_S = 0.1
_LOOK_EVERY_S = 2.0
_ASK_S = 0.5
_VIEWS = 3
_FENCES = 16


class Nodes:
    """The servers, and the table of which of them has a partition."""

    def __init__(self, terms: Terms, durability: Durability) -> None:
        """Begin with the servers of the URL; D2 and up wait for replicas where there are any."""
        self.on_moved: Callable[[], None] | None = None
        self.on_looked: Callable[[], None] | None = None
        self.time = ServerTime(terms.watch)
        self.rivals: tuple[Node, ...] = ()
        """Servers of one URL that say they are primaries, and of which only a person can tell."""
        self.place = terms.place
        self._terms = terms
        self._wanted: Durability = durability
        self._keys: Keys | None = None
        self._slots = [slot_of(META_TAG)]
        self._table: list[Node | None] = [None]
        self._nodes: dict[Address, Node] = {}
        self._turn = 0
        self._doubt = asyncio.Event()
        self._looking = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        for address in self.place.addresses:
            self._node(address)
        self._task = asyncio.get_running_loop().create_task(self._keep_up())

    # ---- who has what

    def primary(self, partition: int) -> Node:
        """Return the server that has a partition (or `META`).

        Raises:
            StoreUnavailable: "none": nobody is known to have it.
        """
        node = self._table[partition]
        if node is None:
            raise StoreUnavailable("none", RETRY_AFTER_MS, "no server has this partition")
        return node

    def address_of(self, partition: int) -> Address | None:
        """Return where a partition is, None when that is not known."""
        node = self._table[partition]
        return None if node is None else node.address

    def redirected(self, address: Address) -> Node:
        """Return a server that another one named, ready for writes."""
        node = self._node(address)
        node.take_writes()
        return node

    def moved(self, partition: int, address: Address) -> None:
        """Take a server's word that a partition is elsewhere (MOVED)."""
        self._table[partition] = self.redirected(address)
        self._fence()
        if self.on_moved is not None:
            self.on_moved()
        self.doubt()

    def primaries(self) -> list[Node]:
        """Return the servers that have something, each once."""
        return list(dict.fromkeys(node for node in self._table if node is not None))

    def known(self) -> list[Node]:
        """Return every server that was heard of, replicas too."""
        return list(self._nodes.values())

    def spread(self, keys: Keys) -> None:
        """Take over the number of partitions; `look` finds who has them."""
        self._keys = keys
        self._slots = [
            *(slot_of(keys.tag(place)) for place in range(keys.partitions)),
            self._slots[-1],
        ]
        self._table = [*([None] * keys.partitions), self._table[META]]

    def is_whole(self) -> bool:
        """Tell whether every partition has a server."""
        return None not in self._table

    def level(self) -> Durability:
        """Return the durability in force: the weaker of what is wanted and what the servers give."""
        if self._wanted in ("D0", "D1"):
            return "D1"
        unsafe = (not node.replicas and node.is_always_synced is False for node in self.primaries())
        return "D1" if any(unsafe) else self._wanted

    def why_not(self) -> str:
        """Tell why no server is known or reached, "" when each primary answers."""
        troubled = [node for node in self.primaries() or self._nodes.values() if node.trouble]
        reasons = [node.reason or node.trouble for node in troubled]
        if troubled and self.rivals:
            names = ", ".join(str(node.address) for node in self.rivals)
            reasons.append(f"{names} took its place without its data; restart to use that anyway")
        return "; ".join(dict.fromkeys(reasons))

    # ---- looking

    def doubt(self) -> None:
        """Look again soon."""
        self._doubt.set()

    def sampled(self) -> None:
        """Follow the clocks of the primaries."""
        self.time.follow([node.offset for node in self.primaries()])

    async def look(self) -> None:
        """Ask the servers who has what, one round at a time."""
        async with self._looking:
            if self.place.kind == "cluster":
                await self._look_at_cluster()
            else:
                await self._look_at_nodes()
            await asyncio.gather(*(self._learn(node) for node in self.primaries()))
            self.sampled()
            if self.on_looked is not None:
                self.on_looked()

    async def lineages(self) -> tuple[str, ...]:
        """Ask each primary of which lineage its data are; by partition.

        Raises:
            StoreUnavailable: "none": a partition has no server that answers and says it is a primary.
        """
        serving = [self.primary(place) for place in range(len(self._table) - 1)]
        nodes = list(dict.fromkeys(serving))
        told: dict[Node, str] = {}
        for node, said in zip(
            nodes, await asyncio.gather(*map(self._replication, nodes)), strict=True
        ):
            if said is None or not said.is_primary:
                self.doubt()
                raise StoreUnavailable("none", RETRY_AFTER_MS, f"{node.address} does not answer")
            told[node] = said.history
        return tuple(told[node] for node in serving)

    async def close(self) -> None:
        """End all lanes; from now on nobody has anything."""
        self._table = [None] * len(self._table)
        self._task.cancel()
        await asyncio.gather(self._task, *self._ending, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in self._nodes.values()))

    async def _keep_up(self) -> None:
        while True:
            try:
                await self.look()
            except ValueError as error:
                _log.warning("a Redis server said of itself what cannot be read: %s", error)
            await asyncio.sleep(_SPACING_S)
            await _wait_for(self._doubt, _LOOK_EVERY_S)

    async def _look_at_nodes(self) -> None:
        nodes = list(self._nodes.values())
        told = await asyncio.gather(*(self._replication(node) for node in nodes))
        known = {node: said for node, said in zip(nodes, told, strict=True) if said is not None}
        present = self._table[META]
        choice = choose(known, present, present.history if present else "")
        self.rivals = choice.rivals
        primary = choice.primary
        if primary is None:
            return
        has_follower = any(not said.is_primary for said in known.values())
        self._require(primary, known[primary], has_follower=has_follower)
        self._seat([primary] * len(self._slots))

    async def _look_at_cluster(self) -> None:
        nodes = list(self._nodes.values())
        self._turn += 1
        turn = self._turn % len(nodes)
        asked = sorted([*nodes[turn:], *nodes[:turn]], key=lambda node: bool(node.trouble))[:_VIEWS]
        told = await asyncio.gather(*(self._ask(node, "CLUSTER", "NODES") for node in asked))
        views = [
            read_nodes(said, node.address)
            for node, said in zip(asked, told, strict=True)
            if isinstance(said, bytes)
        ]
        found = owners(views, self._slots)
        if not any(found):
            return
        seats = [None if address is None else self._node(address) for address in found]
        follow = followed(views)
        living = {seen.address for view in views for seen in view if not seen.is_failed}
        for address in living:
            self._node(address)
        self._seat(seats)
        primaries = self.primaries()
        said_all = await asyncio.gather(*(self._replication(node) for node in primaries))
        for node, said in zip(primaries, said_all, strict=True):
            if said is not None:
                self._require(node, said, has_follower=node.address in follow)
        self._forget({seen.address for view in views for seen in view})

    def _require(self, node: Node, told: Replication, *, has_follower: bool) -> None:
        """Say how many replicas have to confirm; one that exists and is not in step still counts."""
        node.history = told.history
        node.replicas = max(told.online, int(has_follower))
        node.safety.replicas = node.replicas if self._wanted in ("D2", "D3") else 0

    def _seat(self, seats: Sequence[Node | None]) -> None:
        """Take over who has what; a place that nobody claims stays where it was."""
        before = self._table
        self._table = [new or old for new, old in zip(seats, before, strict=True)]
        primaries = self.primaries()
        for node in primaries:
            node.take_writes()
        for node in self._nodes.values():
            if node.writes and node not in primaries:
                self._end(node.give_up_writes())
        self._fence()
        if self._table != before and self.on_moved is not None:
            self.on_moved()

    def _forget(self, named: set[Address]) -> None:
        """Close what the cluster no longer names; the servers of the URL are always asked again."""
        kept = {*named, *self.place.addresses, *(node.address for node in self.primaries())}
        for address in self._nodes.keys() - kept:
            self._end(self._nodes.pop(address).close())

    def _fence(self) -> None:
        """Give each primary keys of its own to write before a `WAIT`, from all over its range."""
        own: dict[Node, list[int]] = {}
        for place, node in enumerate(self._table):
            if node is not None:
                own.setdefault(node, []).append(place)
        for node, places in own.items():
            step = -(-len(places) // _FENCES)
            node.safety.fences = tuple(self._fence_key(place) for place in places[::step])

    def _fence_key(self, place: int) -> str:
        if self._keys is None or place == self._keys.partitions:
            return f"{PREFIX}{{{META_TAG}}}:fence"
        return self._keys.of(place, "fence")

    def _node(self, address: Address) -> Node:
        if address not in self._nodes:
            node = Node(address, self._terms, self)
            # Until it is asked, one replica has to confirm where others have one.
            node.safety.replicas = max((n.safety.replicas for n in self.primaries()), default=0)
            self._nodes[address] = node
        return self._nodes[address]

    def _end(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    # ---- asking

    async def _replication(self, node: Node) -> Replication | None:
        told = await self._ask(node, "INFO", "replication")
        return replication(told) if isinstance(told, bytes) else None

    async def _learn(self, node: Node) -> None:
        """Ask once whether a server's disk has what it answers."""
        if node.is_always_synced is not None or node.replicas:
            return
        told = await self._ask(node, "CONFIG", "GET", "append*")
        if isinstance(told, list):
            known = fields_of(told)
            synced = (known.get("appendonly"), known.get("appendfsync"))
            node.is_always_synced = synced == ("yes", "always")

    async def _ask(self, node: Node, *words: Word) -> Reply:
        """Ask a server about itself; None when it does not say."""
        deadline = asyncio.get_running_loop().time() + _ASK_S
        try:
            return await node.reads.submit(words, deadline, durable=False)
        except (StoreUnavailable, ServerSaid, LaneLeft):
            return None


async def _wait_for(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return
    finally:
        event.clear()
