"""Which answer block answers a visitor's words, and which words count."""

import pytest

from engine.conversations.answers import best_answer, content_words
from tests.engine.world import HELP, program_of

TEXT = (
    HELP
    + """
answer cost { asked "how much does a repair cost", "diagnostic fee" say "$89." }
answer furnace { on page "/furnace/**" asked "repair cost" say "It depends." }
answer opening { asked "opening hours on sunday" say "Nine to five." }
answer other { asked anything say "I will pass that on." }
"""
)
ANSWERS = program_of(TEXT).checked.answers


def answered(text: str, page: str = "x.test/") -> str | None:
    found = best_answer(ANSWERS, text, page)
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How much is a repair?", "cost"),  # two of the three words that count
        ("what does a REPAIR cost, please", "cost"),
        ("the diagnostics fees?", "cost"),
        ("diagnstic fee", "cost"),
        ("Which hours are you open on Sundays?", "opening"),
        ("bananas", "other"),
        ("", "other"),
    ],
)
def test_the_best_fitting_block_answers(text: str, name: str) -> None:
    assert answered(text) == name


def test_a_block_for_the_page_wins_a_tie_and_is_silent_elsewhere() -> None:
    assert answered("repair cost", "x.test/furnace/1") == "furnace"
    assert answered("repair cost") == "cost"


def test_words_lose_accents_stop_words_and_one_ending() -> None:
    assert content_words("Was it RÉPAIRED, the pipes' fixings?") == ("repair", "pip", "fixing")


def test_without_asked_anything_no_block_applies() -> None:
    assert best_answer(ANSWERS[:3], "bananas", "x.test/") is None
