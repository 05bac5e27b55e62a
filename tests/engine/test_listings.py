"""Pages over sessions: complete, in order, without repeats, whatever is left out and however long they are."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import listings
from engine.listings import Listed, is_newest, list_newest
from engine.profile import Profile
from engine.stores.base import SessionRef

pytestmark = pytest.mark.anyio
COUNT_MAX = 30


async def pages(names: list[str], wanted: frozenset[str], limit: int) -> list[Listed[str]]:
    """Read all pages over sessions of these names, sorted upwards."""

    async def read(before: str | None, limit: int) -> list[SessionRef]:
        below = [name for name in reversed(names) if before is None or name < before]
        return [SessionRef("w", "v", name) for name in below[:limit]]

    async def show(ref: SessionRef) -> str | None:
        return ref.session if ref.session in wanted else None

    found: list[Listed[str]] = [await list_newest(read, show, None, limit)]
    while found[-1].before is not None:
        found.append(await list_newest(read, show, found[-1].before, limit))
        assert len(found) <= COUNT_MAX + 2
    return found


@given(st.sets(st.integers(0, COUNT_MAX)), st.sets(st.integers(0, COUNT_MAX)), st.integers(1, 7))
def test_the_pages_together_are_the_whole_list(
    made: set[int], wanted: set[int], limit: int
) -> None:
    names = sorted(f"chat_{number:03}" for number in made)
    kept = frozenset(f"chat_{number:03}" for number in wanted)

    async def look() -> None:
        found = await pages(names, kept, limit)
        rows = [row for page in found for row in page.rows]
        assert rows == [name for name in reversed(names) if name in kept]
        assert all(len(page.rows) <= limit for page in found)

    anyio.run(look)


async def test_a_short_page_says_where_the_next_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "LOOKS_MAX", 4)
    names = [f"chat_{number:03}" for number in range(10)]
    found = await pages(names, frozenset(names[:1]), 5)
    assert [page.rows for page in found] == [(), (), ("chat_000",)]
    assert [page.before for page in found] == ["chat_006", "chat_002", None]


async def test_nothing_left_means_no_next_page() -> None:
    names = ["chat_001", "chat_002"]
    (page,) = await pages(names, frozenset(names), 2)
    assert page == Listed(("chat_002", "chat_001"), None)


def test_the_newest_session_is_the_one_made_last() -> None:
    profile = Profile("v", sessions=["chat_2", "chat_1"])
    assert is_newest(profile, "chat_2")
    assert not is_newest(profile, "chat_1")
