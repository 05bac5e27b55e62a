"""A fail-over is followed to the server that has what was told, and to no other."""

import pytest

from engine.stores.redis.handshake import Replication
from engine.stores.redis.heirs import choose


def primary(history: str, before: str = "") -> Replication:
    return Replication(is_primary=True, online=0, history=history, before=before)


def replica(history: str) -> Replication:
    return Replication(is_primary=False, online=0, history=history, before="")


@pytest.mark.parametrize(
    ("known", "present", "history", "chosen"),
    [
        # at the start
        ({"a": primary("1")}, None, "", "a"),
        ({"a": replica("1"), "b": primary("1")}, None, "", "b"),
        ({"a": primary("1"), "b": primary("2", "1")}, None, "", "b"),
        ({"a": primary("1"), "b": primary("2")}, None, "", None),
        ({"a": primary(""), "b": replica("")}, None, "", "a"),
        ({"a": replica("1"), "b": replica("1")}, None, "", None),
        ({}, None, "", None),
        # with a present one
        ({"a": primary("1"), "b": replica("1")}, "a", "1", "a"),
        ({"b": replica("1")}, "a", "1", None),
        ({"b": primary("2", "1")}, "a", "1", "b"),
        ({"a": primary("1"), "b": primary("2", "1")}, "a", "1", "b"),
        ({"a": primary("9"), "b": primary("2", "1")}, "a", "1", "b"),
        ({"a": replica("2"), "b": primary("2", "1")}, "a", "1", "b"),
        ({"a": primary("9")}, "a", "1", "a"),
        # the old one comes back beside, or instead of, the promoted one
        ({"a": primary("9"), "b": primary("2", "1")}, "b", "2", "b"),
        ({"a": primary("9")}, "b", "2", None),
        ({"a": primary("1")}, "b", "2", None),
        # the present one was told to follow the other
        ({"a": primary("9"), "b": replica("9")}, "b", "2", "a"),
    ],
)
def test_the_primary_is_the_one_that_went_on(
    known: dict[str, Replication], present: str | None, history: str, chosen: str | None
) -> None:
    assert choose(known, present, history).primary == chosen


def test_who_else_says_that_it_is_a_primary_is_told() -> None:
    both = {"a": primary("1"), "b": primary("2")}
    assert choose(both, None, "").rivals == ("a", "b")
    assert choose({"a": primary("9")}, "b", "2").rivals == ("a",)
    assert choose({"a": primary("1"), "b": replica("1")}, "a", "1").rivals == ()
