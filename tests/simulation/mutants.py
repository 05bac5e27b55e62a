"""Safeties taken away one by one: a simulation that does not notice proves nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from unittest import mock

import msgspec

from engine import offers, sending
from engine.acting import Acting
from engine.commits import Prepared
from engine.ids import derived_id, ulid_text
from engine.step import Woke
from engine.stepper import Moment
from engine.stores.base import Commit, SessionRef

_NO_CAP = 1 << 30


class Weakness(msgspec.Struct, frozen=True):
    """Which safety is off; by default none.

    `read_before_wait`: what is read is answered before the replica has it.
    """

    no_cas: bool = False
    no_op_id: bool = False
    no_seen: bool = False
    ack_before_wait: bool = False
    random_ids: bool = False
    cap_outside_the_commit: bool = False
    cap_given_back_twice: bool = False
    no_fired_check: bool = False
    no_tombstone: bool = False
    epoch_kept: bool = False
    not_rearmed: bool = False
    offset_reused: bool = False
    read_before_wait: bool = False

    def weakened(self, commit: Commit, version: int, profile_version: int) -> Commit:
        """Return a commit as the store takes it without its safety."""
        changed: dict[str, object] = {}
        if self.no_cas:
            changed = {"expect": version}
        if self.no_cas and commit.expect_profile is not None:
            changed["expect_profile"] = profile_version
        if self.no_seen:
            changed = {"seen": ()}
        if self.cap_outside_the_commit:
            changed = {"cap": _NO_CAP}
        if self.cap_outside_the_commit and commit.expect_profile is not None:
            changed["expect_profile"] = profile_version
        if self.cap_given_back_twice:
            changed = {"give_back": 2 * commit.give_back}
        if self.no_fired_check:
            changed = {"fired_ms": None}
        if self.epoch_kept:
            changed = {"new_epoch": None}
        return msgspec.structs.replace(commit, **changed) if changed else commit


NAMES = tuple(Weakness.__struct_fields__)


def mutant(name: str) -> Weakness:
    """Take one safety away."""
    return Weakness(**{name: True})


@contextmanager
def applied(weak: Weakness, seed: int) -> Iterator[None]:
    """Take away what is in the engine itself, while it lasts."""
    with ExitStack() as undone:
        if weak.random_ids:
            made = _random_messages(Random(f"mutant {seed}"))
            undone.enter_context(mock.patch.object(sending, "derived_id", made))
            undone.enter_context(mock.patch.object(offers, "derived_id", made))
        if weak.no_fired_check:
            undone.enter_context(mock.patch.object(Acting, "_wake", _hasty))
        yield


def _random_messages(chance: Random) -> object:
    def make(prefix: str, secret: bytes, *parts: str | int) -> str:
        if prefix == "msg":
            return f"msg_{ulid_text(chance.getrandbits(128))}"
        return derived_id(prefix, secret, *parts)

    return make


async def _hasty(acting: Acting, ref: SessionRef, due_ms: int, at_ms: int | None = None) -> None:
    """Take a wake-up as it was claimed, whether the session still wants it or not."""

    def prepare(at: Moment) -> Prepared:
        instant = at.now_ms if at_ms is None else min(at_ms, at.now_ms)
        instant = max(instant, due_ms, at.session.state.clock_ms)
        return Prepared(Woke(instant, due_ms), fired_ms=due_ms)

    await acting._act(ref, prepare)
