"""One message for a clause that fails: the first explanation that holds, the lowest code first."""

from collections.abc import Callable

from rules.diagnostics import Diagnostic
from rules.recovering import signs, wording
from rules.recovering.case import Case

_EXPLANATIONS: tuple[Callable[[Case], Diagnostic | None], ...] = (
    signs.unknown_character,
    wording.unknown_first_word,
    signs.mixed_and_or,
    signs.foreign_operator,
    wording.within_or_in_last,
    wording.unit,
    wording.misspelt_word,
    wording.unknown_action,
    wording.missing_word,
    wording.too_early,
    wording.swallowed_word,
)


def explain(case: Case) -> Diagnostic:
    """Say what is wrong with a clause; every clause that fails gets exactly one message."""
    if not case.failure.too_deep and len(case.words) <= wording.WORDS_MAX:
        for explanation in _EXPLANATIONS:
            diagnostic = explanation(case)
            if diagnostic is not None:
                return diagnostic
    return wording.not_expected(case)
