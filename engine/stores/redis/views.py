"""What servers say of a deployment: CLUSTER NODES, read and merged by the newest claim on each slot."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from engine.stores.redis.address import Address

_FIELDS_MIN = 8


class Seen(Struct, frozen=True):
    """A server of a cluster as one of them sees it; the higher `epoch` wins a slot."""

    address: Address
    name: str
    follows: str
    is_failed: bool
    epoch: int
    slots: tuple[tuple[int, int], ...]


def read_nodes(told: bytes, asked: Address) -> list[Seen]:
    """Read CLUSTER NODES as the server `asked` told it; servers without an address are left out."""
    found = (_read_line(line, asked) for line in told.decode("utf-8", "replace").splitlines())
    return [seen for seen in found if seen is not None]


def _read_line(line: str, asked: Address) -> Seen | None:
    words = line.split()
    if len(words) < _FIELDS_MIN:
        return None
    name, place, flags, follows, _, _, epoch, _, *ranges = words
    marks = flags.split(",")
    if "noaddr" in marks or "handshake" in marks:
        return None
    host, _, port = place.partition("@")[0].rpartition(":")
    address = Address(host.strip("[]") or asked.host, int(port))
    slots = tuple(_read_range(text) for text in ranges if not text.startswith("["))
    leader = follows if "slave" in marks else ""
    return Seen(address, name, leader, "fail" in marks, int(epoch), slots)


def _read_range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def owners(views: Iterable[Sequence[Seen]], slots: Sequence[int]) -> list[Address | None]:
    """Tell who has each of these slots; of several claims that of the highest epoch counts."""
    found: list[tuple[int, Address | None]] = [(-1, None)] * len(slots)
    for view in views:
        for seen in view:
            if seen.follows or not seen.slots:
                continue
            for place, slot in enumerate(slots):
                if seen.epoch > found[place][0] and _has(seen, slot):
                    found[place] = (seen.epoch, seen.address)
    return [address for _, address in found]


def followed(views: Iterable[Sequence[Seen]]) -> set[Address]:
    """Return the servers that somebody follows who is not known to have failed."""
    found: set[Address] = set()
    for view in views:
        names = {seen.name: seen.address for seen in view}
        living = (seen.follows for seen in view if not seen.is_failed)
        found.update(names[name] for name in living if name in names)
    return found


def _has(seen: Seen, slot: int) -> bool:
    return any(first <= slot <= last for first, last in seen.slots)
