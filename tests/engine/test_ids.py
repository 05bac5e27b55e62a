"""Ids are sortable, well-formed, and the derived ones are the same again."""

import re

import pytest

from engine.ids import Ids, derived_id, made_ms, system_random_bytes, ulid_text
from engine.testing.manual_clock import ManualClock

SHAPE = re.compile(r"msg_[0-9A-HJKMNP-TV-Z]{26}")
NOW_MS = 1_750_000_000_000


def _zeros(count: int) -> bytes:
    return bytes(count)


def test_an_id_has_its_prefix_and_26_characters() -> None:
    assert SHAPE.fullmatch(Ids(ManualClock(), system_random_bytes).make("msg"))


def test_ids_of_one_millisecond_rise() -> None:
    ids = Ids(ManualClock(), _zeros)
    made = [ids.make("msg") for _ in range(100)]
    assert made == sorted(set(made))


def test_ids_rise_with_the_time() -> None:
    clock = ManualClock(NOW_MS)
    ids = Ids(clock, system_random_bytes)
    made = []
    for _ in range(50):
        made.append(ids.make("chat"))
        clock.advance(1)
    assert made == sorted(set(made))


def test_the_first_ten_characters_are_the_time() -> None:
    number = int.from_bytes(bytes(10)) | NOW_MS << 80
    assert Ids(ManualClock(NOW_MS), _zeros).make("x") == f"x_{ulid_text(number)}"
    assert ulid_text(0) == "0" * 26
    assert ulid_text(31) == "0" * 25 + "Z"


def test_a_derived_id_is_the_same_again() -> None:
    first = derived_id("msg", b"secret", "ws", "session", 0, 1)
    assert first == derived_id("msg", b"secret", "ws", "session", 0, 1)
    assert SHAPE.fullmatch(first)


def test_a_derived_id_depends_on_secret_and_every_part() -> None:
    made = {
        derived_id("msg", b"secret", "a", "bc"),
        derived_id("msg", b"secret", "ab", "c"),
        derived_id("msg", b"other", "a", "bc"),
        derived_id("msg", b"secret", "a", "bd"),
    }
    assert len(made) == 4


def test_the_instant_of_an_id_can_be_read() -> None:
    clock = ManualClock(1_750_000_000_123)
    assert made_ms(Ids(clock).make("chat")) == 1_750_000_000_123


@pytest.mark.parametrize("name", ["", "chat_1", "chat_not-one-of-ours", "chat_IIIIIIIIII"])
def test_a_name_that_is_no_id_has_no_instant(name: str) -> None:
    assert made_ms(name) == 0
