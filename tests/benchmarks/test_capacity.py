"""The capacity model: its formula against a plan that was computed by hand, and where its inputs come from."""

import msgspec
import pytest

from benchmarks import runner
from benchmarks.capacity import MEANING, SOURCES, Inputs, Results, main, measured, needs, write

PLANNED = Inputs()


def test_ten_million_visitors_with_heartbeats_need_what_was_planned() -> None:
    found = needs(PLANNED, 10_000_000, heartbeats=True)
    assert found.memory_gb == pytest.approx(57, abs=1)
    assert found.commits_a_s == pytest.approx(650_000)
    assert (found.primaries, found.workers) == (44, 200)
    assert found.network_mb_s == pytest.approx(20, abs=1)


def test_without_heartbeats_the_cluster_is_less_than_half() -> None:
    found = needs(PLANNED, 10_000_000, heartbeats=False)
    assert found.commits_a_s == pytest.approx(250_000)
    assert (found.primaries, found.workers) == (17, 200)


def test_memory_decides_where_commits_are_few() -> None:
    slow = Inputs(session_s=60_000)
    found = needs(slow, 10_000_000, heartbeats=False)
    assert found.primaries == 5
    assert found.memory_gb / found.primaries <= slow.primary_gb


def test_more_commits_need_more_workers_than_sockets_do() -> None:
    slow = Inputs(worker_commits=1_000)
    assert needs(slow, 10_000_000, heartbeats=False).workers == 250


def _results(**values: float) -> Results:
    series = {"contender": "opportune", "repetitions": [{"values": values}] * 2}
    return msgspec.convert({"benchmarks": {"redis_commits": {"d1_plain": [series]}}}, type=Results)


def test_microseconds_of_a_primary_become_commits_a_second() -> None:
    found = measured([_results(server_us=40.0, sent_bytes=1_400.0)])
    assert found == {"primary_commits": pytest.approx(10_000), "request_bytes": 1_400}


def test_what_was_not_measured_stays_as_planned() -> None:
    found = measured([])
    assert found == {}
    lines = write(found, 1_000).splitlines()
    assert sum("as planned" in line for line in lines) == len(MEANING)
    assert all("1.00" in line for line in lines if line.startswith("| primaries"))


def test_a_difference_over_two_is_marked() -> None:
    assert "**apart**" in write({"primary_commits": 1_000.0}, 10_000_000)
    assert "**apart**" not in write({"primary_commits": 14_000.0}, 10_000_000)


@pytest.mark.parametrize("name", SOURCES)
def test_sources_name_benchmarks_sizes_contenders_and_metrics_that_are_there(name: str) -> None:
    source = SOURCES[name]
    workload = runner.workload_of(source.benchmark)
    assert source.contender in runner.contenders(source.benchmark)
    assert source.size in runner.sizes_of(source.benchmark, source.contender)
    assert source.metric in {metric.name for metric in workload.METRICS}


def test_the_command_prints_the_plan_without_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--visitors", "1000"]) == 0
    assert "1,000 concurrent visitors" in capsys.readouterr().out
