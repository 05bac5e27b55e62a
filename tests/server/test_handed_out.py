"""The memory of what polls handed out is bounded."""

from server.handed_out import HandedOut


def test_an_id_is_remembered_until_so_many_newer_ones_came() -> None:
    handed = HandedOut(limit=2)
    handed.note(["a", "b"])
    handed.note(["a"])
    handed.note(["c"])
    assert "a" in handed
    assert "c" in handed
    assert "b" not in handed
