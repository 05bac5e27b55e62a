"""Thoughts before an answer are nobody's business; everything else comes through as it comes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.thinking import Thinking


def shown(pieces: list[str]) -> str:
    thinking = Thinking()
    return "".join(thinking.without(piece) for piece in pieces) + thinking.rest()


def cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<think>Who asks?</think>\n\nYes.", "Yes."),
        ("\n <think>a < b </thin k></think>Yes.", "Yes."),
        ("<think></think>Yes. <think>is a tag.", "Yes. <think>is a tag."),
        ("<think>never ends", ""),
        ("Yes.", "Yes."),
        ("<thi", "<thi"),
        ("<thin ice", "<thin ice"),
        ("", ""),
    ],
)
@given(st.lists(st.integers(0, 100)))
def test_thoughts_are_left_out_wherever_they_are_cut(
    text: str, words: str, places: list[int]
) -> None:
    assert shown(cut(text, places)) == words


@given(st.lists(st.text(max_size=8), max_size=8))
def test_words_without_thoughts_come_through_whole(pieces: list[str]) -> None:
    if not "".join(pieces).lstrip().startswith("<think>"):
        assert shown(pieces) == "".join(pieces)


def test_words_come_as_soon_as_they_are_none() -> None:
    thinking = Thinking()
    assert [thinking.without(piece) for piece in ("<", "b>", "Yes")] == ["", "<b>", "Yes"]


def test_long_thoughts_take_no_room() -> None:
    thinking = Thinking()
    for _ in range(1_000):
        assert thinking.without("<think>" + "x" * 1_000) == ""
    assert len(thinking._held) < 20
    assert thinking.without("</think>Yes") == "Yes"
