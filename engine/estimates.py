"""Which decisions stand on estimated time: on pages that nobody measured (API.md 8.3). Pure.

Our own widget says whether its tab is visible. Other tools' clients tell a page and fall silent: all the
time until the next event counts as spent on it, and a decision that used it says so.
"""

from engine.session import State
from rules.checked import ClockTest, Cond, RulePlan, ScoreTest, TimeTerm
from rules.compiler.conditions import score_conditions, walk
from rules.compiler.program import Program

_VISIBLE_CLOCKS = frozenset({"time_on_page", "time_on_site"})


def is_estimated(program: Program, rule: RulePlan, state: State) -> bool:
    """Tell whether a decision about a rule uses visible time that is only estimated now."""
    return is_unmeasured(state) and _uses_visible_time(program, rule)


def is_unmeasured(state: State) -> bool:
    """Tell whether the current tab's page came from another tool, and the tab never told what it sees."""
    tab = state.tabs.get(state.tab)
    return tab is not None and tab.foreign and not (tab.measured or tab.heartbeat)


def _uses_visible_time(program: Program, rule: RulePlan) -> bool:
    conditions = [cond for root in (rule.when, *rule.unless) for cond in walk(root)]
    if any(map(_is_of_clock, conditions)):
        return True
    has_score = any(isinstance(cond, ScoreTest) for cond in conditions)
    return has_score and _scores_visible_time(program)


def _scores_visible_time(program: Program) -> bool:
    checked = program.checked
    terms = (term for term in checked.score.terms if isinstance(term, TimeTerm))
    return any(term.clock in _VISIBLE_CLOCKS for term in terms) or any(
        map(_is_of_clock, score_conditions(checked))
    )


def _is_of_clock(cond: Cond) -> bool:
    return isinstance(cond, ClockTest) and cond.clock in _VISIBLE_CLOCKS
