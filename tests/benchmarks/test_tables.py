"""The tables say what was measured: ratios to the reference, growth, promises kept and missed."""

from types import ModuleType

import pytest

from benchmarks.outcome import Figure, Metric, Outcome, Ready, Series, Target
from benchmarks.tables import number, print_sizes, print_targets, reached


def _series(name: str, *rates: int) -> Series:
    return Series(name, Ready(name.upper()), outcomes=[Outcome(rate, 1.0) for rate in rates])


def _workload(*targets: Target) -> ModuleType:
    module = ModuleType("workload")
    parts = {"REFERENCE": "ours", "METRICS": (Metric("rate", "/s"),), "TARGETS": targets}
    vars(module).update(parts)
    return module


def test_a_ratio_is_the_median_over_the_references_median(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = {"100": [_series("ours", 10, 100, 1000), _series("peer", 20, 25, 90)]}
    print_sizes(_workload(), results)
    assert "| 0.25 | PEER | 25 | 20 - 90 | 0 |" in capsys.readouterr().out


def test_a_missing_peer_is_printed_as_missing(capsys: pytest.CaptureFixture[str]) -> None:
    absent = Series("peer", Ready("peer", missing="zen is not installed"))
    print_sizes(_workload(), {"100": [_series("ours", 10), absent]})
    assert "| - | peer | zen is not installed |" in capsys.readouterr().out


def test_growth_is_the_cost_against_the_first_size(capsys: pytest.CaptureFixture[str]) -> None:
    results = {"100": [_series("ours", 90)], "1000": [_series("ours", 30)]}
    print_sizes(_workload(), results)
    assert "- OURS: against 100, 1000 costs 3.00x" in capsys.readouterr().out


@pytest.mark.parametrize(("bound", "verdict"), [(4.0, "met"), (4.1, "MISSED")])
def test_a_promise_is_a_ratio_against_its_bound(
    capsys: pytest.CaptureFixture[str], bound: float, verdict: str
) -> None:
    target = Target("times", Figure("ours", "100"), "least", bound, Figure("peer", "100"))
    results = {"100": [_series("ours", 40), _series("peer", 10)]}
    assert reached(target, results) == 4.0
    print_targets(_workload(target), results)
    assert f"| {verdict} | 4 |" in capsys.readouterr().out


def test_what_was_not_measured_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    target = Target("times", Figure("ours", "1000"), "least", 2)
    print_targets(_workload(target), {"100": [_series("ours", 40)]})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1,234"), (12.345, "12.3"), (0.01234, "0.0123")]
)
def test_numbers_have_three_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text
