"""What becomes of a command that a server refused: sent elsewhere, sent again, or given up."""

import asyncio

from msgspec import Struct

from engine.errors import StoreUnavailable
from engine.ids import system_random_bytes
from engine.stores.redis.address import read_address
from engine.stores.redis.lanes import RETRY_AFTER_MS, Lane, Outcome
from engine.stores.redis.node import Node
from engine.stores.redis.nodes import Nodes
from engine.stores.redis.replies import LaneLeft, Reply, Script, ServerSaid, Word

_SOON_S = 0.05
_UNDONE = frozenset(
    ("OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM", "DENIED")
)
"""The server did nothing and would do nothing if asked again at once."""
_PASSING = frozenset(("CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED"))
"""The server does nothing now; soon it or another one will."""


class Asked(Struct, frozen=True):
    """A command; `lane` None is for the lane of reads. `deadline` is in the loop's time."""

    partition: int
    words: tuple[Word, ...]
    lane: int | None
    durable: bool
    deadline: float
    script: Script | None = None


def lane_of(node: Node, lane: int | None) -> Lane:
    """Return the lane of a server that a command belongs on; a lane's number keeps its order.

    Raises:
        LaneLeft: the server takes no writes any more.
    """
    if lane is None:
        return node.reads
    if not node.writes:
        raise LaneLeft(sent=False)
    return node.writes[lane % len(node.writes)]


async def again(nodes: Nodes, asked: Asked, refusal: ServerSaid | LaneLeft) -> Reply:
    """Do a command that was refused once, until it is answered or its deadline has come.

    Raises:
        StoreUnavailable: no server did it; "unknown" when one may have.
        RuntimeError: the command or script itself is wrong.
    """
    outcome: Outcome = "none"
    while True:
        if _may_be_done(refusal):
            outcome = "unknown"
        try:
            return await _send(nodes, asked, refusal, outcome)
        except (ServerSaid, LaneLeft) as error:
            refusal = error
        except StoreUnavailable as error:
            if outcome == "none" or error.outcome == "unknown":
                raise
            raise StoreUnavailable(outcome, RETRY_AFTER_MS, error.reason) from None


def _may_be_done(refusal: ServerSaid | LaneLeft) -> bool:
    return refusal.sent if isinstance(refusal, LaneLeft) else refusal.was_resent


async def _send(
    nodes: Nodes, asked: Asked, refusal: ServerSaid | LaneLeft, outcome: Outcome
) -> Reply:
    code = refusal.code if isinstance(refusal, ServerSaid) else "READONLY"
    reason = str(refusal)
    if asyncio.get_running_loop().time() > asked.deadline:
        raise StoreUnavailable(outcome, RETRY_AFTER_MS, reason)
    if code in _UNDONE:
        raise StoreUnavailable(outcome, RETRY_AFTER_MS, reason)
    if code in ("MOVED", "ASK"):
        return await _redirect(nodes, asked, reason)
    if code == "NOSCRIPT" and asked.script is not None:
        lane = lane_of(nodes.primary(asked.partition), asked.lane)
        await lane.submit(("SCRIPT", "LOAD", asked.script.text), asked.deadline, durable=False)
    elif code == "TRYAGAIN":
        await asyncio.sleep(0.01 + system_random_bytes(1)[0] * 0.04 / 255)
    elif code in _PASSING:
        nodes.doubt()
        await asyncio.sleep(_SOON_S)
    else:
        raise RuntimeError(f"a Redis server refused a command of ours: {reason}")
    lane = lane_of(nodes.primary(asked.partition), asked.lane)
    return await lane.submit(asked.words, asked.deadline, durable=asked.durable)


async def _redirect(nodes: Nodes, asked: Asked, reason: str) -> Reply:
    """Follow `MOVED slot host:port` for good, `ASK slot host:port` this once."""
    code, _, place = reason.split(" ", 2)
    address = read_address(place)
    if not address.host:
        # Redis Cluster: an empty host is that of the server that answered.
        address = type(address)(nodes.primary(asked.partition).address.host, address.port)
    if code == "MOVED":
        if nodes.address_of(asked.partition) == address:
            await asyncio.sleep(_SOON_S)
        nodes.moved(asked.partition, address)
    lane = lane_of(nodes.redirected(address), asked.lane)
    asking = code == "ASK"
    return await lane.submit(asked.words, asked.deadline, durable=asked.durable, asking=asking)
