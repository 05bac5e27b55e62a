"""Ids of other tools' clients: what can be one, and what an event is known by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.intake import widget_number
from server.ingest.event_ids import can_be_id, event_id, id_text


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (42, "42"), (-1, "-1"), (True, ""), (1.5, ""), (None, ""), ([], ""), (2**70, "")],
)
def test_an_id_is_a_text_or_a_whole_number(value: object, text: str) -> None:
    assert id_text(value) == text


def test_an_id_has_1_to_256_characters_and_no_control_characters() -> None:
    assert can_be_id("x" * 256)
    assert can_be_id("Zoë 東京")
    assert not any(map(can_be_id, ("", "x" * 257, "a\nb", "a" * 70 + "\x00")))


def test_an_id_like_our_own_widget_s_is_marked_as_another_s() -> None:
    assert event_id("abcdefgh-12", "posthog") == "posthog:abcdefgh-12"
    assert event_id("01a1ffff-66af-78e0-b0fd-8f20defe8989", "posthog").startswith("01a1ffff")


@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_a_client_calls_its_events_they_stay_apart_from_each_other(
    one: str, other: str
) -> None:
    ids = [event_id(text, "segment") for text in (one, other)]
    assert (ids[0] == ids[1]) == (one == other)
    assert all(can_be_id(text) and not widget_number(text)[0] for text in ids)
