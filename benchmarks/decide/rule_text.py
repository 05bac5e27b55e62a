"""The workload's rules in Opportune's language, and its states as sessions of a program."""

from benchmarks.decide.workload import PlainRule, PlainState, Workload
from engine.session import State
from engine.signals import SCHEMA
from rules import CheckedSet, check_texts
from rules.addresses import address_key
from rules.compiler.program import Program

NOW_MS = 1_700_000_000_000
RULES_A_FILE = 500
_AGE_MS = 3_600_000
_HEAD = """site "bench" timezone "UTC"
attribute flag: yes_no default no
event nudge {}
policy {
  at most 1 per session unless engaged
  wait 1d after dismiss
}
score {
  +1 per nudge up to 100
}
"""


def checked_rules(workload: Workload) -> CheckedSet:
    """Write the rules down, read them and check them."""
    texts = {"bench.rules": _HEAD}
    for start in range(0, len(workload.rules), RULES_A_FILE):
        part = workload.rules[start : start + RULES_A_FILE]
        texts[f"part{start // RULES_A_FILE:03}.rules"] = "\n".join(map(_rule_text, part))
    report = check_texts(texts, SCHEMA)
    assert report.checked is not None, report.diagnostics[:3]
    return report.checked


def _rule_text(rule: PlainRule) -> str:
    tests = [
        f"time_on_page >= {rule.time_s}s",
        f"score >= {rule.score}",
        f"scroll_depth >= {rule.scroll}%",
    ]
    if rule.needs_flag:
        tests.append("flag")
    return (
        f'rule r{rule.number} "Rule {rule.number}" {{\n  on page "{rule.prefix}**"\n'
        f'  when {" and ".join(tests)}\n  say "Can I help?"\n    reply "No" -> dismiss\n}}\n'
    )


def as_session(program: Program, state: PlainState) -> State:
    """Put a state into the fields and registers that a program reads."""
    session = State(
        start_ms=NOW_MS - _AGE_MS,
        clock_ms=NOW_MS,
        page_key=address_key("https://www.example.com" + state.path),
        page_ms=NOW_MS - _AGE_MS,
        page_since_ms=NOW_MS - state.time_s * 1_000,
        site_since_ms=NOW_MS - _AGE_MS,
        scroll=float(state.scroll),
        attrs={"flag": state.flag},
        regs=program.new_registers(),
    )
    for number, register in enumerate(program.registers):
        assert register.kind == "session_count", register.key
        session.regs[number] = state.score
    return session
