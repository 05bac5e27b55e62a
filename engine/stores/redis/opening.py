"""What is done before a Redis deployment is used: find its servers, look them over, agree on `meta`."""

import asyncio
from collections.abc import Sequence

from engine.errors import StoreRefused, StoreUnavailable
from engine.stores.partitions import PARTITIONS_MAX
from engine.stores.redis.checks import (
    SETTINGS,
    Facts,
    Finding,
    examine,
    judge_meta,
    judge_mode,
    mode_of,
)
from engine.stores.redis.handshake import fields, fields_of
from engine.stores.redis.keys import LAYOUT, PREFIX
from engine.stores.redis.node import Node
from engine.stores.redis.nodes import META, META_TAG, Nodes
from engine.stores.redis.replies import LaneLeft, Reply, ServerSaid, Word, script

DEADLINE_S = 5.0
_PARTITIONS = 256
_META = f"{PREFIX}{{{META_TAG}}}:meta"
_LOOK_S = 0.02


async def find_all(nodes: Nodes) -> None:
    """Wait until every partition has a server that answers and has told its time.

    Raises:
        StoreRefused: that took longer than 5 s; says why.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE_S
    while True:
        await nodes.look()
        if _is_found(nodes):
            return
        if loop.time() > end:
            raise StoreRefused(await _why(nodes))
        await asyncio.sleep(_LOOK_S)


def _is_found(nodes: Nodes) -> bool:
    primaries = nodes.primaries()
    told = all(node.offset.offset_us is not None for node in primaries)
    return nodes.is_whole() and told and not nodes.why_not()


async def _why(nodes: Nodes) -> str:
    place = nodes.place
    named = ", ".join(str(address) for address in place.addresses)
    reason = nodes.why_not()
    if reason:
        return f"no Redis to be used at {named} ({reason}); start it, or correct [store] url"
    if place.kind == "cluster":
        abouts = [(await _facts(node)).about for node in nodes.known()]
        if any(about and mode_of(about) == "standalone" for about in abouts):
            return f"{named} is no cluster; begin [store] url with redis:// instead"
        return f"the cluster at {named} does not serve every slot; repair it with its own tools"
    if nodes.rivals:
        rivals = " and ".join(str(node.address) for node in nodes.rivals)
        return f"{rivals} both say they are primaries; make one a replica of the other"
    return f"none of {named} is a primary; promote one, or name it in [store] url"


async def look_over(nodes: Nodes) -> tuple[Finding, ...]:
    """Look at every primary; what is the same for several is said once."""
    found = await asyncio.gather(*(_facts(node) for node in nodes.primaries()))
    findings = [finding for facts in found for finding in examine(facts)]
    if nodes.place.kind == "nodes":
        findings.extend(judge_mode(facts.server, facts.about) for facts in found)
    return tuple(dict.fromkeys(findings))


def refuse(findings: Sequence[Finding]) -> None:
    """Stop at what must not be.

    Raises:
        StoreRefused: says what to change.
    """
    for finding in findings:
        if finding.level == "refused":
            raise StoreRefused(finding.words)


def check_partitions(wanted: int | None) -> int:
    """Return how many partitions new data get.

    Raises:
        StoreRefused: there cannot be so many.
    """
    if wanted is not None and not 1 <= wanted <= PARTITIONS_MAX:
        raise StoreRefused(f"[store] partitions has to be from 1 to {PARTITIONS_MAX}, not {wanted}")
    return wanted or _PARTITIONS


async def agree(nodes: Nodes, wanted: int | None) -> int:
    """Return the number of partitions of the data there; where there are none, they get `wanted`.

    Raises:
        StoreRefused: the data have another number or layout.
    """
    words = (script("meta").text, 1, _META, LAYOUT, check_partitions(wanted))
    reply = await _first(nodes, ("EVAL", *words))
    assert isinstance(reply, list)
    layout, partitions, _ = (word.decode() for word in reply if isinstance(word, bytes))
    refuse(judge_meta(layout, int(partitions), wanted))
    return int(partitions)


async def _first(nodes: Nodes, words: tuple[Word, ...]) -> Reply:
    node = nodes.primary(META)
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    try:
        return await node.writes[0].submit(words, deadline, durable=True)
    except (ServerSaid, LaneLeft, StoreUnavailable) as error:
        raise StoreRefused(f"{node.address} keeps nothing now: {error}; repair it first") from None


async def _facts(node: Node) -> Facts:
    about = await _ask(node, "INFO", "server")
    settings = await _ask(node, "CONFIG", "GET", *SETTINGS)
    return Facts(
        str(node.address),
        fields(about) if isinstance(about, bytes) else {},
        fields_of(settings) if isinstance(settings, list) else None,
        node.replicas,
    )


async def _ask(node: Node, *words: Word) -> Reply:
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    try:
        return await node.reads.submit(words, deadline, durable=False)
    except (ServerSaid, LaneLeft, StoreUnavailable):
        return None
