"""The first words on a connection to a Redis server, and what its answers must be."""

from msgspec import Struct

from engine.stores.redis.lanes import LaneSettings
from engine.stores.redis.replies import LaneLeft, Reply, ServerSaid, Word


class Replication(Struct, frozen=True):
    """What a server says of its part: `online` replicas are in step with it.

    `history` names the lineage of its data, `before` the one that it went on with when it was promoted.
    """

    is_primary: bool
    online: int
    history: str
    before: str


def greeting(settings: LaneSettings) -> list[tuple[Word, ...]]:
    """Return the commands that open a connection; each has one answer."""
    place = settings.place
    hello: tuple[Word, ...] = ("HELLO", 2)
    if place.password is not None:
        hello = ("HELLO", 2, "AUTH", place.user or "default", place.password)
    return [
        hello,
        ("CLIENT", "NO-EVICT", "ON"),
        ("SELECT", place.database),
        *(("SCRIPT", "LOAD", known.text) for known in settings.scripts),
        ("INFO", "replication"),
    ]


def judge(settings: LaneSettings, answers: list[Reply | ServerSaid]) -> None:
    """Look at what a server answered to `greeting`.

    Raises:
        ServerSaid: it refused something that is needed.
        LaneLeft: it takes no writes, and the lane is for writes.
    """
    needed = [answers[0], *answers[2:]]
    for answer in needed:
        if isinstance(answer, ServerSaid):
            raise answer
    last = answers[-1]
    assert isinstance(last, bytes)
    if settings.writes and not replication(last).is_primary:
        raise LaneLeft(sent=False)


def fields(told: bytes) -> dict[str, str]:
    """Read a section of INFO by name."""
    lines = [line.partition(":") for line in told.decode("utf-8", "replace").splitlines()]
    return {name: value for name, colon, value in lines if colon}


def fields_of(told: list[Reply]) -> dict[str, str]:
    """Read names and values that follow each other, as CONFIG GET answers."""
    words = [word.decode("utf-8", "replace") for word in told if isinstance(word, bytes)]
    return dict(zip(words[::2], words[1::2], strict=False))


def replication(told: bytes) -> Replication:
    """Read `INFO replication`."""
    known = fields(told)
    followers = [value for name, value in known.items() if _is_follower(name)]
    return Replication(
        known.get("role") == "master",
        sum("state=online" in follower for follower in followers),
        known.get("master_replid", ""),
        known.get("master_replid2", ""),
    )


def _is_follower(name: str) -> bool:
    return name.startswith("slave") and name[5:].isdigit()
