"""Lines in the order of their instants, whether memory holds them or files have to."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stores import sorted_runs
from engine.stores.sorted_runs import SortedRuns

INSTANTS = st.lists(st.integers(-5, 5), max_size=60)


def shown(instants: list[int], bytes_max: int, files_max: int) -> tuple[list[bytes], int]:
    """Sort lines that are named by their place; answers them and the most files there were at once."""
    most = 0
    with pytest.MonkeyPatch.context() as patch, SortedRuns() as runs:
        patch.setattr(sorted_runs, "SORTED_BYTES_MAX", bytes_max)
        patch.setattr(sorted_runs, "SORTED_FILES_MAX", files_max)

        async def sort() -> list[bytes]:
            nonlocal most
            for place, at_ms in enumerate(instants):
                runs.add(at_ms, b"%d" % place)
                await runs.settle()
                most = max(most, runs.files)
            return [line async for line in runs.lines()]

        return asyncio.run(sort()), most


@given(INSTANTS, st.integers(1, 400), st.integers(2, 4))
def test_lines_come_by_instant_and_equal_ones_as_they_came(
    instants: list[int], bytes_max: int, files_max: int
) -> None:
    wanted = sorted(range(len(instants)), key=instants.__getitem__)
    assert shown(instants, bytes_max, files_max)[0] == [b"%d" % place for place in wanted]


def test_what_does_not_fit_into_memory_is_sorted_in_files() -> None:
    instants = [3, 1, 2, 1]
    assert shown(instants, 10**6, 64) == ([b"1", b"3", b"2", b"0"], 0)
    assert shown(instants, 1, 64) == ([b"1", b"3", b"2", b"0"], 4)


def test_many_files_are_merged_into_one() -> None:
    lines, most = shown([7] * 100, 1, 4)
    assert lines == [b"%d" % place for place in range(100)]
    assert most <= 3 * 4


@pytest.mark.anyio
async def test_a_line_may_be_empty_or_hold_a_line_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_runs, "SORTED_BYTES_MAX", 1)
    with SortedRuns() as runs:
        runs.add(2, b"")
        runs.add(1, b"a\nb")
        await runs.settle()
        assert [line async for line in runs.lines()] == [b"a\nb", b""]
