"""Our server on the memory store."""

from benchmarks.end_to_end.workload import PlainRule, Workload, loaded
from benchmarks.outcome import Outcome
from benchmarks.servers import opportune, workspace_folder

LABEL = "Opportune, memory:"

_HEAD = """site "bench" timezone "UTC"
attribute points: number default 0
attribute flag: yes_no default no
policy {
  first message after 1ms
  at most 1 per session unless engaged
  wait 1d after dismiss
}
"""


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare: each repetition starts its own server."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Start the server and load it."""
    text = _HEAD + "\n".join(_rule_text(rule) for rule in prepared.rules)
    return loaded(prepared, opportune(workspace_folder({"bench.rules": text}, "memory:", "D0")))


def _rule_text(rule: PlainRule) -> str:
    flag = " and flag" if rule.needs_flag else ""
    return (
        f'rule r{rule.number} "Rule {rule.number}" {{\n  on page "/{rule.area}/**"\n'
        f"  when time_on_page >= 1ms and scroll_depth >= {rule.scroll}%"
        f" and points >= {rule.points}{flag}\n"
        f'  say "Message {rule.number}"\n    reply "No" -> dismiss\n}}\n'
    )
