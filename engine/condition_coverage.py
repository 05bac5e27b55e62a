"""What the tests of a rule set saw: conditions that were both true and false, rules that spoke (LANGUAGE.md 16)."""

from engine.clause_text import condition_text
from engine.rehearsal import Rehearsal
from engine.windows import StateFacts
from rules.checked import All, Cond, RulePlan
from rules.compiler.program import Program
from rules.interpreter import value


class ConditionCoverage:
    """Looks at every rule of the page whenever a test does something or expects something."""

    def __init__(self, program: Program) -> None:
        """Start with nothing seen."""
        self._program = program
        self._seen: dict[tuple[str, str], set[bool | None]] = {
            (rule.name, cond.key): set() for rule in program.rules for cond in _conditions(rule)
        }
        self._spoken: set[str] = set()

    @property
    def conditions(self) -> int:
        """Return how many conditions the rules have, the same one in two rules twice."""
        return len(self._seen)

    @property
    def conditions_seen(self) -> int:
        """Return how many of them were both true and false, or unknown, in some test."""
        return self.conditions - len(self._half_seen())

    @property
    def rules_spoken(self) -> int:
        """Return how many rules sent a message in some test."""
        return len(self._spoken)

    def look(self, rehearsal: Rehearsal, at_ms: int) -> None:
        """Note the conditions of the page as they are `at_ms` after the rehearsal's start."""
        program, state = self._program, rehearsal.session.state
        facts = StateFacts(program, state)
        now_ms = max(rehearsal.start_ms + at_ms, state.clock_ms)
        mask = program.page_rules(state.page_key)
        for rule in program.rules:
            if mask >> rule.number & 1:
                for cond in _conditions(rule):
                    self._seen[rule.name, cond.key].add(value(cond, facts, now_ms))
        self._spoken.update(row.rule for row in rehearsal.rows if row.outcome == "sent")

    def unseen(self) -> tuple[str, ...]:
        """Say of each condition that was not both what is missing: `help: score >= 40 was never true`."""
        texts = []
        for rule, cond, missing in self._half_seen():
            text, _ = condition_text(self._program, cond)
            texts.append(f"{rule}: {text} was never {missing}")
        return tuple(texts)

    def _half_seen(self) -> list[tuple[str, Cond, str]]:
        found = []
        for rule in self._program.rules:
            for cond in _conditions(rule):
                seen = self._seen[rule.name, cond.key]
                if True not in seen:
                    found.append((rule.name, cond, "true"))
                elif len(seen) == 1:
                    found.append((rule.name, cond, "false"))
        return found


def _conditions(rule: RulePlan) -> tuple[Cond, ...]:
    whens = rule.when.items if isinstance(rule.when, All) else (rule.when,)
    return tuple({cond.key: cond for cond in (*whens, *rule.unless)}.values())
