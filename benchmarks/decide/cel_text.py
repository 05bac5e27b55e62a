"""The workload's rules in the Common Expression Language."""

from benchmarks.decide.workload import PlainRule


def cel_expression(rule: PlainRule) -> str:
    """Write one rule."""
    tests = [
        f'path.startsWith("{rule.prefix}")',
        f"time_s >= {rule.time_s}",
        f"score >= {rule.score}",
        f"scroll >= {rule.scroll}",
        *(["flag"] if rule.needs_flag else []),
    ]
    return " && ".join(tests)
