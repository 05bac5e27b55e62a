"""Whatever a model's server sends, cut wherever: whole words and calls come of it, or one NoAnswer."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversations.assistants import NoAnswer
from engine.conversations.completion_reader import (
    ANSWER_BYTES_MAX,
    LINE_BYTES_MAX,
    ROUND_CALLS_MAX,
    Completed,
    CompletionReader,
    Unusable,
)
from tests.engine.conversations.completions import call, called, chunk, spoken, sse, usage


def read(*pieces: bytes) -> tuple[Completed, list[str]]:
    reader = CompletionReader()
    told = [text for piece in pieces for text in reader.feed(piece)]
    return reader.end(), told


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[one:other] for one, other in pairwise(ends)]


# ---- words


@given(st.lists(st.integers(0, 10_000)), st.sampled_from(["\n", "\r\n", "\r"]))
def test_wherever_a_stream_is_cut_the_words_are_the_same(places: list[int], ends: str) -> None:
    whole = spoken("Grüß ", "Gott 👋", ", wir öffnen um 8.").replace(b"\n", ends.encode())
    done, told = read(*cut(whole, places))
    assert done.text == "".join(told) == "Grüß Gott 👋, wir öffnen um 8."
    assert done.usage is not None
    assert done.usage.total_tokens == 100


def test_each_piece_is_told_as_soon_as_its_event_is_there() -> None:
    reader = CompletionReader()
    first, second = sse(chunk(content="A vi"), chunk(content="sit"), done=False).split(b"\n\n", 1)
    assert reader.feed(first + b"\n") == []
    assert reader.feed(b"\n") == ["A vi"]
    assert reader.feed(second) == ["sit"]


def test_comments_and_other_fields_say_nothing() -> None:
    body = b"\xef\xbb\xbf: keep-alive\n\nevent: message\nid: 7\nretry: 3\n\n:\n"
    done, _ = read(body + spoken("Yes."))
    assert done.text == "Yes."


def test_an_event_of_several_lines_is_one() -> None:
    body = b'data:{"choices":[{"delta":\ndata: {"content":"Yes."},"finish_reason":"stop"}]}\n\n'
    assert read(body)[0].text == "Yes."


def test_a_stream_that_finishes_without_its_last_word_is_whole() -> None:
    body = sse(chunk(content="Yes."), chunk(finish_reason="stop"), done=False)
    assert read(body)[0].text == "Yes."
    assert read(body.rstrip(b"\n"))[0].text == "Yes."


def test_nothing_counts_after_the_end() -> None:
    reader = CompletionReader()
    reader.feed(spoken("Yes."))
    assert reader.is_done
    assert reader.feed(sse(chunk(content="No."), {"error": "late"})) == []
    assert reader.end().text == "Yes."


def test_a_server_that_knows_no_stream_answers_with_one_json() -> None:
    message = {"role": "assistant", "content": "Yes.", "tool_calls": None, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {**usage(5, 1), "id": "x", "choices": [choice]}
    done, told = read(b"\n " + msgspec.json.encode(body))
    assert (done.text, told) == ("Yes.", [])
    assert done.usage is not None
    assert done.usage.prompt_tokens == 5


def test_only_the_first_choice_is_read() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "No."}}]}
    assert read(sse(chunk(content="Yes."), other, chunk(finish_reason="stop")))[0].text == "Yes."


def test_words_that_reached_their_length_say_so() -> None:
    assert read(spoken("Yes, but", finish="length"))[0].is_cut


# ---- calls


@given(st.lists(st.integers(0, 10_000)))
def test_calls_are_put_together_from_their_pieces(places: list[int]) -> None:
    first = call("find_slots", {"date_from": "2026-11-24"}, call_id="a")
    second = call("book", {"name": "Zoë"}, index=1, call_id="b")
    mixed = [one for pair in zip(first, second, strict=True) for one in pair]
    done, _ = read(*cut(called(mixed, before="One moment."), places))
    assert [(one.id, one.function.name) for one in done.calls] == [
        ("a", "find_slots"),
        ("b", "book"),
    ]
    assert done.calls[1].function.arguments == '{"name":"Zoë"}'
    assert done.text == "One moment."


def test_whole_calls_without_numbers_are_told_apart() -> None:
    calls = [
        {"id": "a", "function": {"name": "find_slots", "arguments": "{}"}},
        {"id": "b", "function": {"name": "hand_over", "arguments": "{}"}},
    ]
    done, _ = read(sse(chunk(tool_calls=calls), chunk(finish_reason="tool_calls")))
    assert [one.function.name for one in done.calls] == ["find_slots", "hand_over"]


def test_a_call_without_an_id_gets_one() -> None:
    body = sse(
        chunk(tool_calls=[{"index": 0, "function": {"name": "book", "arguments": "{}"}}]),
        chunk(finish_reason="tool_calls"),
    )
    assert read(body)[0].calls[0].id == "call_0"


# ---- what is none


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "broke off"),
        (sse(chunk(content="Yes"), done=False), "broke off"),
        (sse(chunk(content="Yes"), {"error": {"message": "quota"}}), "error"),
        (b'{"error": {"message": "no such model"}}', "error"),
        (sse(chunk(content="Yes"), '{"choices": [{"delta"'), "no completion"),
        (sse('{"choices": [{"delta": {"content": 7}}]}'), "no completion"),
        (sse('{"choices": [{"delta": {"content": "\\ud800"}}]}'), "no completion"),
        (sse('{"a":' * 5_000 + "1" + "}" * 5_000), "no completion"),
        (b"<html>Welcome</html>", "broke off"),
        (b"[1, 2]", "no completion"),
        (spoken(), "said nothing"),
        (spoken(" \n"), "said nothing"),
        (spoken("Yes", finish="content_filter"), "filtered"),
    ],
)
def test_what_is_no_answer_is_told_without_its_words(body: bytes, words: str) -> None:
    with pytest.raises(NoAnswer, match=words) as told:
        read(body)
    assert told.value.__cause__ is None
    assert "quota" not in str(told.value)


def test_an_answer_over_its_limit_is_none() -> None:
    calls = [call("book", "{}", index=n)[0] for n in range(ROUND_CALLS_MAX + 1)]
    long_line = b"data: " + b"x" * LINE_BYTES_MAX
    for body in (
        long_line,
        b" " * (LINE_BYTES_MAX + 1),
        long_line[: LINE_BYTES_MAX // 2] + b"\n" + long_line[: LINE_BYTES_MAX - 10] + b"\n\n",
        b'{"choices": []' + b" " * ANSWER_BYTES_MAX,
        sse(*[chunk(content="x" * 30_000)] * 40, done=False),
        sse(*calls),
    ):
        with pytest.raises(NoAnswer, match=r"too (much|long|many)|without an end"):
            read(*(body[start : start + 4_096] for start in range(0, len(body), 4_096)))


def test_an_answer_at_its_limits_is_one() -> None:
    calls = [one for n in range(ROUND_CALLS_MAX) for one in call("book", "{}", index=n)]
    assert len(read(called(calls))[0].calls) == ROUND_CALLS_MAX
    assert len(read(spoken("x" * 60_000))[0].text) == 60_000


EVENTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"data: [DONE]\n\n",
            b"data: ",
            b"\n\n",
            b"\r",
            sse(chunk(content="a"), done=False),
            sse(chunk(finish_reason="stop"), done=False),
            sse(*call("book", "{}"), done=False),
            sse({"choices": [{"delta": None, "message": None}], "usage": {}}, done=False),
        ]
    ),
)


@given(st.lists(EVENTS, max_size=12))
def test_whatever_bytes_come_there_is_an_answer_or_there_is_none(pieces: list[bytes]) -> None:
    try:
        done, told = read(*pieces)
    except NoAnswer:
        return
    assert done.text.strip() or done.calls
    assert done.text.startswith("".join(told))


def test_words_that_cannot_be_used_are_no_failure_of_the_server() -> None:
    for body in (spoken(), spoken("Yes", finish="content_filter")):
        with pytest.raises(Unusable):
            read(body)
