"""A program that asks the interpreter: slow, obvious, and bound to decide what the compiled one does."""

from engine.session import State as SessionState
from engine.windows import StateFacts
from rules.bounds import rule_bound
from rules.compiler import Program
from rules.facts import NEVER_MS, State
from rules.interpreter import rule_stage, score


class InterpretedProgram(Program):
    """Folds as compiled programs do, and evaluates by `rules.interpreter` over the same registers."""

    def evaluate(self, state: State, now_ms: int, mask: int = -1) -> tuple[list[int], int]:
        """Return the rules that hold now, and when one of the others could without an event."""
        assert isinstance(state, SessionState)
        facts = StateFacts(self, state)
        hits: list[int] = []
        bound_ms = NEVER_MS
        for rule in self.rules:
            if not mask >> rule.number & 1:
                continue
            if rule_stage(rule, facts, now_ms) is None:
                hits.append(rule.number)
            else:
                bound_ms = min(bound_ms, rule_bound(rule, facts, now_ms))
        return hits, bound_ms

    def score(self, state: State, now_ms: int) -> int:
        """Return the score now, 0..100."""
        assert isinstance(state, SessionState)
        return score(self.checked.score, StateFacts(self, state), now_ms)
