"""Every key of the Redis store, built here and nowhere else: `op:{tag}:kind:...` (STORES.md 7.1).

Names that clients chose appear as digests only: 8 characters for a workspace, 22 for anything else.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache

import msgspec

from engine.stores.partitions import digest_of, partition_of, tags
from engine.stores.records import SessionRef

LAYOUT = 1
"""Of keys and what lies under them; a store with another one is refused."""

PREFIX = "op:"
REMEMBERED = 65_536
"""Digests and places kept in memory; one that was forgotten is computed again."""

_encode_ref = msgspec.msgpack.Encoder().encode
_decode_ref = msgspec.msgpack.Decoder(tuple[str, str, str]).decode


def pack_ref(ref: SessionRef) -> bytes:
    """Write a session's place as it stands in values, members of sets and hints."""
    return _encode_ref((ref.workspace, ref.visitor, ref.session))


def unpack_ref(raw: bytes) -> SessionRef:
    """Read what `pack_ref` wrote."""
    return SessionRef(*_decode_ref(raw))


@lru_cache(REMEMBERED)
def short(*names: str) -> str:
    """Return the 22 characters that stand for names in a key."""
    return urlsafe_b64encode(digest_of(*names)).decode().rstrip("=")


@lru_cache(REMEMBERED)
def workspace_key(workspace: str) -> str:
    """Return the 8 characters that stand for a workspace in a key."""
    return urlsafe_b64encode(digest_of(workspace)[:6]).decode()


def tail_of(workspace: str, name: str) -> str:
    """Return what stands behind the kind in a key of a workspace's visitor, alias or endpoint.

    Where a set has to name one, it holds this: nothing there can be read back to what a client chose.
    """
    return f"{workspace_key(workspace)}:{short(name)}"


class Keys:
    """The keys of one deployment; `partitions` is fixed once data exist."""

    def __init__(self, partitions: int) -> None:
        """Spread over so many partitions."""
        self.partitions = partitions
        self._tags = tags(partitions)
        self._place = lru_cache(REMEMBERED)(self._find_place)
        self._of_steps = [self._of_a_step(number) for number in range(partitions)]

    # ---- where

    def tag(self, partition: int) -> str:
        """Return the tag of a partition."""
        return self._tags[partition]

    def partition(self, workspace: str, visitor: str = "") -> int:
        """Return the partition of a visitor, or with "" that of the workspace's own things."""
        return self._place(workspace, visitor)

    def partition_of_name(self, workspace: str, name: str) -> int:
        """Return the partition of an alias or of an id that a session is found by."""
        return self._place(workspace, f"name:{name}")

    def _find_place(self, workspace: str, name: str) -> int:
        return partition_of(digest_of(workspace, name), self.partitions)

    # ---- what

    def of(self, partition: int, kind: str, *rest: str) -> str:
        """Return a key of a partition.

        Kinds that no other method builds: `rl` a window of calls (hash of `w` its end, `n` calls), `id` an
        Idempotency-Key (hash of `u` until, `h` body, `op` attempt, `s` status, `r` response), `il` those in use
        by the instant their lock ends, `le` a named lease (hash of `w` worker, `u` until). In partition 0: `wu`
        workers by the instant their lease ends, `wo` those of them that look after partitions, `wg` those that
        are gone by instant, `wa` what workers say (hash), `cf` the first day whose counters are shown.
        """
        return ":".join((f"{PREFIX}{{{self._tags[partition]}}}", kind, *rest))

    def of_session(self, kind: str, ref: SessionRef) -> str:
        """Return a key of a session.

        Kinds: `s` the session (hash), `m` messages (list), `j` journal (list), `n` names it is found by
        (hash of name to nothing, and of the empty name to its packed place).
        A swept session keeps `j` and `n`.
        """
        place = self._place(ref.workspace, ref.visitor)
        return self.of(place, kind, workspace_key(ref.workspace), short(ref.visitor, ref.session))

    def of_step(self, partition: int, ref: SessionRef) -> list[str]:
        """Return the keys of every step of a session, in the order of `commit.lua`; it is the hot path."""
        prefix, shared = self._of_steps[partition]
        workspace = workspace_key(ref.workspace)
        session = f"{workspace}:{short(ref.visitor, ref.session)}"
        own = (f"{prefix}s:{session}", f"{prefix}u:{workspace}:{short(ref.visitor)}")
        return [*own, f"{prefix}j:{session}", f"{prefix}n:{session}", *shared]

    def _of_a_step(self, partition: int) -> tuple[str, tuple[str, ...]]:
        aged = (self.aged("en", partition), self.aged("jx", partition))
        shared = (self.due(partition), self.claims(partition), *aged, self.erased(partition))
        return self.of(partition, ""), shared

    def of_visitor(self, kind: str, workspace: str, visitor: str) -> str:
        """Return a key of a visitor.

        Kinds: `u` profile (hash of `v` version, `s` body, `at` written), `d` foreign event ids (sorted set by
        the instant they came), `v` its sessions (sorted set of packed places by the instant they were made,
        each until its journal is forgotten), `va` the aliases that stood for one of its sessions (set of
        texts, each noted before the alias is written), `vq` its decisions (sorted set of members of `dx` by
        their instant).
        """
        place = self._place(workspace, visitor)
        return self.of(place, kind, workspace_key(workspace), short(visitor))

    def of_workspace(self, partition: int, kind: str, workspace: str, *rest: str) -> str:
        """Return a key of a workspace in a partition.

        Kinds in every partition: `ix` sessions by id, `dx` decisions by time, `db` their bodies, `ct` counters
        of a day. Kinds in the workspace's own partition: `doc` a document (hash of `v` version, `b` body, `op`
        last attempt), `dn` names of a kind's documents (sorted by text), `ch` changes by kind (hash), `bk`
        bookings by place, `bt` by instant, `feed` bodies (list), `fe` its epoch and offset (hash), `fi` event
        ids by offset, `dl` an endpoint's log by instant, `ds` its settled rows, `dh` their records (hash),
        `dv` all rows by visitor.
        """
        return self.of(partition, kind, workspace_key(workspace), *rest)

    def of_name(self, kind: str, workspace: str, name: str) -> str:
        """Return the key of an alias (`al`) or of an id that a session is found by (`ref`)."""
        place = self.partition_of_name(workspace, name)
        return self.of(place, kind, workspace_key(workspace), short(name))

    def due(self, partition: int) -> str:
        """Return the key of a partition's wake-ups: sorted set of packed places by due instant."""
        return self.of(partition, "tm")

    def claims(self, partition: int) -> str:
        """Return the key of claimed wake-ups: hash of packed place to the instant it was due."""
        return self.of(partition, "tc")

    def cause_order(self, partition: int) -> str:
        """Return the key of the order of causes: sorted set of cause id by number."""
        return self.of(partition, "oq")

    def cause_bodies(self, partition: int) -> str:
        """Return the key of causes: hash of cause id to its packed record."""
        return self.of(partition, "out")

    def cause_number(self, partition: int) -> str:
        """Return the key of the number of the newest cause."""
        return self.of(partition, "on")

    def delivery_due(self, partition: int) -> str:
        """Return the key of pending deliveries: sorted set of delivery id by due instant or lease end."""
        return self.of(partition, "rt")

    def delivery_bodies(self, partition: int) -> str:
        """Return the key of pending deliveries: hash of delivery id to its packed record."""
        return self.of(partition, "rj")

    def erased(self, partition: int) -> str:
        """Return the key of tombstones: sorted set of visitors (`tail_of`) by the instant they end."""
        return self.of(partition, "del")

    def aged(self, kind: str, partition: int) -> str:
        """Return the key of what a sweep looks for in a partition: a sorted set by instant.

        Kinds: `en` ended sessions that wait for nothing (packed place by the instant closed; a commit that
        opens the session again or gives it a wake-up takes it out), `jx` journals (packed place by the instant
        of the oldest entry; set when a journal's first entry is written), `ux` profiles (`tail_of` the visitor
        by the instant written), `da` decisions (workspace by the instant of its oldest one, written with LT),
        `lx` delivery logs (`tail_of` the endpoint by the instant of the oldest settled row), `bx` bookings
        (workspace by the instant of its oldest one).
        """
        return self.of(partition, kind)

    def pending_of_visitors(self, partition: int) -> str:
        """Return the key of pending deliveries by visitor: their characters and the id, sorted by text."""
        return self.of(partition, "rv")

    def work_channel(self, partition: int) -> str:
        """Return the channel on which a partition's owner hears of earlier wake-ups, causes and deliveries."""
        return self.of(partition, "w")

    def hint_channel(self, partition: int, worker: str) -> str:
        """Return the channel on which a worker hears of sessions of a partition."""
        return self.of(partition, "c", worker)

    def feed_channel(self, workspace: str) -> str:
        """Return the channel on which workers hear of a workspace's feed, in the workspace's partition."""
        return self.of_workspace(self.partition(workspace), "f", workspace)
