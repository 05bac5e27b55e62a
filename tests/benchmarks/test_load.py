"""The load generator knows a whole answer from a part of one."""

import pytest

from benchmarks.load import is_complete, post

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: now\r\n\r\nbody"


def test_an_answer_is_complete_with_its_last_byte() -> None:
    assert is_complete(ANSWER)


@pytest.mark.parametrize("length", [0, 10, 40, len(ANSWER) - 1])
def test_a_part_of_an_answer_is_not_complete(length: int) -> None:
    assert not is_complete(ANSWER[:length])


def test_a_request_names_its_length() -> None:
    assert post("/x", b"{}").endswith(b"Content-Length: 2\r\n\r\n{}")
