"""Laws of parser and formatter over random files."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from rules.formatter import format_text
from rules.formatting.rows import comment_text
from rules.parser import parse, parse_bytes
from rules.span import Source
from tests.strategies_syntax import programs

EXAMPLES = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parent.parent / "cases" / "examples").rglob("*.rules"))
]
PIECES = st.sampled_from(
    [
        "{",
        "}",
        '"',
        "(",
        ")",
        " and ",
        " or ",
        "#",
        "\n",
        "when",
        "rule x {",
        "45",
        "->",
        ";",
        "“",
        "\0",
    ]
)


@given(programs())
def test_the_layout_keeps_the_meaning_and_every_comment(text: str) -> None:
    file, found = parse(Source("x", text))
    assert found == []
    again, _ = parse(Source("x", format_text(Source("x", text))))
    assert again.blocks == file.blocks
    kept = [comment_text(comment.text) for comment in file.comments]
    assert [comment.text for comment in again.comments] == kept


@given(programs())
def test_formatting_twice_is_formatting_once(text: str) -> None:
    once = format_text(Source("x", text))
    assert format_text(Source("x", once)) == once


@given(programs())
def test_the_layout_has_no_trailing_spaces_and_no_double_blank_lines(text: str) -> None:
    out = format_text(Source("x", text))
    assert not any(line != line.rstrip(" ") for line in out.splitlines())
    assert "\n\n\n" not in out
    assert out == "" or out.endswith("\n")


@given(st.text(max_size=200))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    file, found = parse(Source("x", text))
    assert found or not file.broken


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    source, _, found = parse_bytes("x", data)
    assert all(0 <= one.span.start <= one.span.end <= len(source.text) + 1 for one in found)


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_example_gets_messages_inside_its_text(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(PIECES) + text[stop:]
    file, found = parse(Source("x", text))
    assert all(0 <= one.span.start <= one.span.end <= len(text) for one in found)
    assert found or not file.broken
