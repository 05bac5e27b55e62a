"""What a careful person would write for these rules: an index by the path, then plain comparisons."""

from collections.abc import Sequence

from benchmarks.decide.workload import PlainState, Workload, answer_all
from benchmarks.outcome import Outcome

LABEL = "Python by hand, indexed"

Row = tuple[int, int, int, int, bool]


def prepare(workload: Workload) -> tuple[dict[str, list[Row]], tuple[PlainState, ...]]:
    """Index the rules by the first part of the path."""
    index: dict[str, list[Row]] = {}
    for rule in workload.rules:
        row = (rule.number, rule.time_s, rule.score, rule.scroll, rule.needs_flag)
        index.setdefault(rule.area, []).append(row)
    return index, workload.states


def run(prepared: tuple[dict[str, list[Row]], tuple[PlainState, ...]]) -> Outcome:
    """Compare what the index leaves."""
    index, states = prepared
    nothing: list[Row] = []

    def matching(state: PlainState) -> Sequence[int]:
        area = state.path[1 : state.path.index("/", 1)]
        found = []
        for number, time_s, score, scroll, needs_flag in index.get(area, nothing):
            if (
                state.time_s >= time_s
                and state.score >= score
                and state.scroll >= scroll
                and (state.flag or not needs_flag)
            ):
                found.append(number)
        return found

    return answer_all(states, matching)
