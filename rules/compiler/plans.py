"""Which generated functions decide a set of candidate rules: one a rule at first, fused when it is asked often."""

from collections.abc import Callable, Sequence

from rules.checked import RulePlan
from rules.compiler.build import Decider

FUSE_AFTER_USES = 12
"""A set that was asked so often gets functions of its own: writing one costs about as many decisions."""
RULES_A_PIECE = 24
"""So many rules a fused function: compiling one piece stays well under the loop's 20 ms."""
PLANS_MAX = 1_024
"""Sets remembered; beyond it the one made first is forgotten and made again."""

Write = Callable[[Sequence[RulePlan]], Decider]


class Plan:
    """The functions that decide one set of rules; `uses_left` counts down to fusing the next piece.

    The first `fused` of the rules are decided by fused functions, the others by one function each.
    """

    __slots__ = ("functions", "fused", "rules", "uses_left")

    def __init__(self, rules: tuple[RulePlan, ...], functions: tuple[Decider, ...]) -> None:
        """Start with one function a rule."""
        self.rules = rules
        self.functions = functions
        self.fused = 0
        self.uses_left = FUSE_AFTER_USES if len(rules) > 1 else 0


class Plans:
    """All sets of rules that were asked together, by mask."""

    def __init__(self, rules: tuple[RulePlan, ...], write: Write) -> None:
        """Remember how to write a function over some rules; nothing is written before it is asked."""
        self._rules = rules
        self._write = write
        self._single: list[Decider | None] = [None] * len(rules)
        self._plans: dict[int, Plan] = {}

    def plan(self, mask: int) -> Plan:
        """Return the plan of a set of rules."""
        return self._plans.get(mask) or self._make(mask)

    def use(self, plan: Plan) -> None:
        """Count one use of a plan that is not fused yet; after some, fuse a piece with each use."""
        plan.uses_left -= 1
        if plan.uses_left > 0:
            return
        pieces = plan.fused // RULES_A_PIECE
        piece = plan.rules[plan.fused : plan.fused + RULES_A_PIECE]
        singles = plan.functions[pieces + len(piece) :]
        plan.functions = (*plan.functions[:pieces], self._write(piece), *singles)
        plan.fused += len(piece)
        plan.uses_left = 1 if singles else 0

    def single(self, number: int) -> Decider:
        """Return the function of one rule, written at its first use."""
        decider = self._single[number]
        if decider is None:
            decider = self._single[number] = self._write((self._rules[number],))
        return decider

    def _make(self, mask: int) -> Plan:
        rules: list[RulePlan] = []
        rest = mask
        while rest:
            lowest = rest & -rest
            rules.append(self._rules[lowest.bit_length() - 1])
            rest ^= lowest
        plan = Plan(tuple(rules), tuple(self.single(rule.number) for rule in rules))
        if len(self._plans) >= PLANS_MAX:
            del self._plans[next(iter(self._plans))]
        self._plans[mask] = plan
        return plan
