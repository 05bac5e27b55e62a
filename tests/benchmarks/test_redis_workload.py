"""The commits of P7: every session's are there once and in order, whatever the number of workers."""

import pytest

from benchmarks.redis_commits.workload import SIZES, STREAMS, make


@pytest.mark.parametrize("size", ["tiny", "d1", "d2_two"])
def test_each_session_is_committed_in_order_by_one_worker(size: str) -> None:
    workload = make(size, 1)
    versions: dict[str, list[int]] = {}
    homes: dict[str, set[int]] = {}
    for worker in range(workload.workers):
        rows = workload.rows(worker)
        assert len(rows) == STREAMS
        for number in rows:
            for commit in workload.row(number):
                versions.setdefault(commit.ref.session, []).append(commit.expect)
                homes.setdefault(commit.ref.session, set()).add(worker)
    expected = list(range(1, workload.commits_a_session + 1))
    assert len(versions) == workload.sessions
    assert all(found == expected for found in versions.values())
    assert all(len(found) == 1 for found in homes.values())
    assert sum(map(len, versions.values())) == workload.commits


@pytest.mark.parametrize("size", SIZES)
def test_commits_bring_what_their_size_says(size: str) -> None:
    workload = make(size, 1)
    commit = next(workload.row(0))
    assert len(commit.state) == 600
    assert commit.wake_ms is not None
    assert len(commit.messages) == len(commit.causes) == (workload.kind != "plain")
    assert len(commit.ids) == (2 if workload.kind == "named" else 0)
