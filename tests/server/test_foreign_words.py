"""Names of other tools' events and fields that are remembered: few, and short ones."""

from engine.signals import NAME_CACHE_MAX
from server.ingest.foreign_words import NOT_PLAIN, PLAIN_CHARS_MAX, PlainWords
from server.ingest.wording import FIELD_CHARS_MAX, _remembered, field_name


def test_long_names_are_not_remembered() -> None:
    words = PlainWords()
    field = "f" * (PLAIN_CHARS_MAX - len("segment") - len("Plan"))
    assert (
        words["segment", "Plan", field] == words["segment", "Plan", field + "f"] == ("plan", None)
    )
    assert list(words) == [("segment", "Plan", field)]
    before = _remembered.cache_info().currsize
    assert field_name("Name" + "x" * FIELD_CHARS_MAX) == "name" + "x" * FIELD_CHARS_MAX
    assert _remembered.cache_info().currsize == before


def test_the_event_heard_of_first_is_forgotten() -> None:
    words = PlainWords()
    for number in range(NAME_CACHE_MAX + 1):
        assert words["segment", f"event_{number}"] == (f"event_{number}", None)
    assert len(words) == NAME_CACHE_MAX
    assert ("segment", "event_0") not in words


def test_an_event_whose_fields_have_other_names_in_rules_is_looked_at_each_time() -> None:
    words = PlainWords()
    assert words["segment", "Plan", "planName"] == words["segment", " Plan "] == NOT_PLAIN
