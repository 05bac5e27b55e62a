"""Which rule came nearest without speaking, and the condition that kept it silent."""

from engine.clause_text import condition_text
from engine.limits import CLOSEST_RULES_MAX
from engine.session import Session
from engine.windows import StateFacts
from rules.checked import All, Cond, RulePlan
from rules.compiler.program import Program
from rules.interpreter import value


def closest_miss(program: Program, session: Session, now_ms: int, but: str = "") -> str:
    """Name the rule of the current page with the fewest conditions open, and the first of them.

    Rules whose conditions all hold are not meant: gates or a stronger rule silenced them. "" for none.

    Args:
        but: a rule to leave out, the one whose record this stands in.
    """
    facts = StateFacts(program, session.state)
    mask = program.page_rules(session.state.page_key)
    rules = [rule for rule in program.rules if mask >> rule.number & 1 and rule.name != but]
    rules.sort(key=lambda rule: (-rule.priority, rule.number))
    best: tuple[int, str] | None = None
    for rule in rules[:CLOSEST_RULES_MAX]:
        open_ones = _open_conditions(rule, facts, now_ms)
        if open_ones and (best is None or len(open_ones) < best[0]):
            best = (
                len(open_ones),
                f"{rule.name} by {open_ones[0][0]} {_text(program, open_ones[0][1])}",
            )
    return "" if best is None else best[1]


def _open_conditions(rule: RulePlan, facts: StateFacts, now_ms: int) -> list[tuple[str, Cond]]:
    whens = rule.when.items if isinstance(rule.when, All) else (rule.when,)
    found = [("when", cond) for cond in whens if value(cond, facts, now_ms) is not True]
    found.extend(
        ("unless", cond) for cond in rule.unless if value(cond, facts, now_ms) is not False
    )
    return found


def _text(program: Program, cond: Cond) -> str:
    return condition_text(program, cond)[0]
