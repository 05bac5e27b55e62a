"""Cursors: opaque, of one list of one workspace, for a day."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ApiError
from server.pagination import CURSOR_CHARS_MAX, CURSOR_MS, Cursors, next_link

NOW_MS = 1_750_000_000_000
PATH = "/v1/visitors"
cursors = Cursors(b"k" * 32)


def refusal(cursor: str, workspace: str = "ws_a", path: str = PATH, now_ms: int = NOW_MS) -> str:
    with pytest.raises(ApiError) as refused:
        cursors.read(cursor, workspace, path, now_ms)
    assert refused.value.field == "cursor"
    return refused.value.reason


@given(st.text(max_size=100))
def test_a_cursor_gives_its_position_back(position: str) -> None:
    cursor = cursors.write(position, "ws_a", PATH, NOW_MS)
    assert cursors.read(cursor, "ws_a", PATH, NOW_MS + CURSOR_MS - 1) == position


@given(st.text(max_size=60))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    assert refusal(text) == "invalid_cursor"


def test_a_cursor_is_of_one_workspace_one_path_and_one_day() -> None:
    cursor = cursors.write("chat_1", "ws_a", PATH, NOW_MS)
    assert refusal(cursor, workspace="ws_b") == "invalid_cursor"
    assert refusal(cursor, path="/v1/decisions") == "invalid_cursor"
    assert refusal(cursor, now_ms=NOW_MS + CURSOR_MS) == "invalid_cursor"


def test_what_a_cursor_is_bound_to_cannot_be_shifted() -> None:
    """Workspace and path are apart in what is signed: no pair can be read as another."""
    cursor = cursors.write("x", "ws_a", "/v1/a", NOW_MS)
    assert refusal(cursor, workspace="ws_a/v1", path="/a") == "invalid_cursor"


def test_a_forged_cursor_is_refused() -> None:
    cursor = cursors.write("chat_1", "ws_a", PATH, NOW_MS)
    other = Cursors(b"o" * 32).write("chat_1", "ws_a", PATH, NOW_MS)
    payload, _, signature = cursor.partition(".")
    moved = base64.urlsafe_b64encode(b'["chat_9",99999999999999]').rstrip(b"=").decode()
    for forged in (other, f"{moved}.{signature}", payload, f"{payload}.", f"{cursor}x", "é.é"):
        assert refusal(forged) == "invalid_cursor"
    assert refusal(cursor + "A" * CURSOR_CHARS_MAX) == "invalid_cursor"


def test_the_next_link_keeps_the_query_and_changes_the_cursor() -> None:
    link = next_link(
        "https://chat.example/v1/visitors", "status=online&cursor=old&q=a%26b", "new.x"
    )
    assert link == (
        b'<https://chat.example/v1/visitors?status=online&q=a%26b&cursor=new.x>; rel="next"'
    )
