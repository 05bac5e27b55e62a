"""No benchmark rots: each runs at its tiny size, and its contenders come to the same answers."""

from collections.abc import Iterator

import pytest

from benchmarks import runner
from benchmarks.outcome import Outcome, Ready, Series
from benchmarks.tables import print_sizes, print_targets


@pytest.fixture(scope="module", autouse=True)
def _outside_of_the_repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("bench")))
        yield


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", runner.BENCHMARKS)
def test_a_benchmark_runs_and_its_contenders_agree(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = runner.workload_of(name)
    series = runner.run_size(name, runner.TINY, runner.Options(repetitions=1))
    print_sizes(workload, {runner.TINY: series})
    print_targets(workload, {runner.TINY: series})
    printed = capsys.readouterr().out
    assert workload.REFERENCE in {one.contender for one in series}
    for one in series:
        assert not one.failure, f"{one.contender}: {one.failure}"
        if not one.ready.missing:
            assert one.outcomes[0].operations > 0
            assert f"| {one.ready.label} |" in printed


@pytest.mark.parametrize("name", runner.BENCHMARKS)
def test_targets_name_contenders_sizes_and_metrics_that_are_there(name: str) -> None:
    workload = runner.workload_of(name)
    entered = runner.contenders(name)
    metrics = {metric.name for metric in workload.METRICS}
    for target in workload.TARGETS:
        for figure in (target.figure, target.over or target.figure):
            assert figure.contender in entered, target.text
            assert figure.size in runner.sizes_of(name, figure.contender), target.text
            assert figure.metric in metrics, target.text


def test_answers_that_differ_are_an_error() -> None:
    one = Series("one", Ready("one"), outcomes=[Outcome(1, 1.0, {"answers": "a"})])
    other = Series("other", Ready("other"), outcomes=[Outcome(1, 1.0, {"answers": "b"})])
    with pytest.raises(runner.Disagreement, match="other and one differ on answers"):
        runner.compare("decide", "tiny", [one, other])
