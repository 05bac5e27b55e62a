"""Places in a source: lines and columns from offsets."""

from rules.span import Source, Span


def test_an_offset_becomes_a_line_and_a_column_counted_from_one() -> None:
    source = Source("a.rules", "ab\ncd\n")
    assert (source.place(0).line, source.place(0).column) == (1, 1)
    assert (source.place(4).line, source.place(4).column) == (2, 2)


def test_the_end_of_the_text_has_a_place() -> None:
    source = Source("a.rules", "ab\n")
    assert (source.place(3).line, source.place(3).column) == (2, 1)


def test_a_line_is_shown_without_its_line_end() -> None:
    source = Source("a.rules", "ab\r\ncd")
    assert [source.line(1), source.line(2)] == ["ab", "cd"]


def test_two_spans_join_to_one() -> None:
    assert Span("a", 1, 2).to(Span("a", 5, 9)) == Span("a", 1, 9)
