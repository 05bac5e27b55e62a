"""Mistakes of wording: units, misspelt and missing words, clauses that end too early, anything else."""

import re
from collections.abc import Iterator

from rules.diagnostics import Diagnostic
from rules.lexemes import Lexeme
from rules.nearest import near, nearest
from rules.recovering.case import Case
from rules.recovering.samples import CLAUSE_WORDS, KEYWORDS, SAMPLES

# Words that people leave out, the likelier first; pairs go together.
_SMALL_WORDS = (
    "for", "of", "after", "to", "in", "last", "per", "page", "on", "by", "from", "with", "message",
    "hours", "time", "then", "as", "because", "ago", "least", "in last", "up to", "most", "and",
)  # fmt: skip
_SMALL_SIGNS = ("->", "=", ",", ":", ")", "]", "(", "{")
_UNIT_WORDS = {
    "ms": "ms", "milliseconds": "ms", "msec": "ms", "s": "s", "sec": "s", "secs": "s",
    "second": "s", "seconds": "s", "m": "m", "min": "m", "mins": "m", "minute": "m",
    "minutes": "m", "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "d": "d",
    "day": "d", "days": "d",
}  # fmt: skip
_WEEK_WORDS = ("w", "week", "weeks", "wk", "wks")
# What goes on after certain words.
_ENDING_AFTER = {
    "clock": '"2026-03-02T14:00"',
    "timezone": '"UTC"',
    "rule": "pricing_help",
    "answer": "cost",
    "variant": "short",
}
_VALUE_OF = {
    "time_on_page": "45s",
    "time_on_site": "60s",
    "page_age": "45s",
    "session_age": "60s",
    "scroll_depth": "60%",
    "score": "40",
}
_UNIT_OF_CLAUSE = {"wait": "h", "at": "d", "limit": "d", "goal": "d", "expires": "m"}
# What may stand where a clause ends too early, the likelier first.
_ENDINGS = (
    '"/pricing"', '"Can I help you with that?"', "30s", "time_on_page >= 45s", "up to 20",
    "session", "visitor", "visitor time", "dismiss", "-> dismiss", "60%", "5", ">= 5",
    '= "/pricing"', "= purchase", '= ["a", "b"]', "message", "after dismiss", "after 30s",
    "per session", "message after 30s", 'because "legal text"', "pricing_help", ": text", "text",
    "{", "{}", '"UTC"', 'timezone "UTC"', "purchase", "click", "for 30s",
    "of time_on_page up to 20", "per view up to 20", 'page "/pricing"', "to 2026-12-31",
    "to 17:00 in site time", "07:00 in visitor time", "hours 22:00 to 07:00 in visitor time",
    "in visitor time", 'view "/pricing"', "no message", "from pricing_help", "1 per session",
    '"a"]', '"a")', "known", 'with "a"', "50% {", "pricing_help {", "a = 1", "1", "5 and 10",
    "and 10", "2026-05-01 to 2026-12-31", "by when", "by visitor",
)  # fmt: skip


def unknown_first_word(case: Case) -> Diagnostic | None:
    """Find OP011: a line that begins with a word that no clause of the block begins with."""
    context = case.clause.context
    first = case.clause.first
    if context in ("top", "head", "variant head", "reply", "event") or first.kind != "word":
        return None
    words = SAMPLES[context]
    if first.text in words or (context == "variant" and first.is_word("reply")):
        return None
    meant = nearest(first.text, words)
    if meant is not None:
        line = case.mended(case.replaced(0, 1, meant)) or words[meant]
        message = f'there is no "{first.text}" here; did you mean "{meant}"?'
        return case.report_swap("OP011", first, message, _WHY_CLAUSE, (meant, line))
    if first.text in CLAUSE_WORDS:
        message = f'"{first.text}" has no place in {_PLACES[context]}'
    else:
        message = f'there is no "{first.text}" in {_PLACES[context]}'
    can = ", ".join(word for word in words if word != "+")
    return case.report("OP011", first, message, f"A line may begin with {can}.")


_WHY_CLAUSE = "The line would say nothing about when to speak."
_PLACES = {
    "policy": "a policy", "score": "a score", "rule": "a rule", "variant": "a variant",
    "answer": "an answer", "test": "a test",
}  # fmt: skip


def within_or_in_last(case: Case) -> Diagnostic | None:
    """Find OP014: the gap between two events and the time that ends now, one for the other."""
    for index, word in enumerate(case.words):
        following = case.words[index + 1] if index + 1 < len(case.words) else None
        is_window = word.is_word("in") and following is not None and following.is_word("last")
        if word.is_word("within"):
            line = case.mended(
                case.replaced(index, index + 1, "in last"), case.replaced(index, index + 1, "for")
            )
            message = '"within" is the time between two events'
            why = 'A time that ends now is "in last", a time without an event is "for".'
        elif is_window:
            line = case.mended(
                case.replaced(index, index + 2, "within"), case.replaced(index, index + 2, "for")
            )
            message = '"in last" is a time that ends now'
            why = (
                'The time from one event to another is "within", a time without an event is "for".'
            )
        else:
            continue
        if line is not None:
            return case.report("OP014", word, message, why, line)
    return None


def unit(case: Case) -> Diagnostic | None:
    """Find OP101 and OP102: a time without its unit, or with one that is not known."""
    for index in (case.at - 1, case.at, case.at - 2):
        if not 0 <= index < len(case.words):
            continue
        number = case.words[index]
        following = case.words[index + 1] if index + 1 < len(case.words) else None
        if number.kind not in ("int", "number"):
            continue
        known = _known_unit(number.text, following)
        if known is not None and following is not None:
            line = case.mended(case.replaced(index, index + 2, known))
            if line is not None:
                message = f'"{following.text}" is no unit of time'
                return case.report("OP102", following, message, _WHY_UNIT, line)
        in_test = case.clause.context == "test"
        letter = "s" if in_test else _UNIT_OF_CLAUSE.get(case.clause.first.text, "s")
        line = case.mended(case.replaced(index, index + 1, number.text + letter))
        if line is not None:
            message = f"{number.text} what? A time needs a unit"
            plural = "" if number.text == "1" else "s"
            why = (
                f"{number.text} second{plural} and {number.text} minute{plural} "
                "are different visitors."
            )
            return case.report("OP101", number, message, why, line)
    return None


_WHY_UNIT = "Units are ms, s, m, h and d; m is minutes."


def _known_unit(number: str, word: Lexeme | None) -> str | None:
    if word is None or word.kind != "word":
        return None
    folded = word.text.lower()
    if folded in _WEEK_WORDS and number.isdecimal():
        return f"{int(number) * 7}d" if len(number) < 4 else None
    letter = _UNIT_WORDS.get(folded) or _UNIT_WORDS.get(nearest(folded, _UNIT_WORDS) or "")
    return f"{number}{letter}" if letter else None


def misspelt_word(case: Case) -> Diagnostic | None:
    """Find OP011: a word near the failing place that is nearly a word of the language."""
    for index in (case.at, case.at - 1, case.at - 2):
        if not 0 <= index < len(case.words) or case.words[index].kind != "word":
            continue
        word = case.words[index]
        if word.text in KEYWORDS:
            continue
        for _, meant in near(word.text, KEYWORDS):
            line = case.mended(case.replaced(index, index + 1, meant))
            if line is not None:
                message = f'there is no "{word.text}" here; did you mean "{meant}"?'
                return case.report_swap("OP011", word, message, _WHY_WORD, (meant, line))
    return None


# A clause of more words is reported where it fails, without a search for what was meant.
WORDS_MAX = 400

_WHY_WORD = "As it stands the line has no meaning, and the rule would not be loaded."


def unknown_action(case: Case) -> Diagnostic | None:
    """Find OP011: a reply whose arrow leads to a word that is no action."""
    if case.clause.context != "reply" or not 0 < case.at < len(case.words):
        return None
    word = case.words[case.at]
    if word.kind != "word" or not case.words[case.at - 1].is_sign("->"):
        return None
    has_text = any(one.kind == "text" for one in case.words[case.at :])
    action = "ask" if has_text else "dismiss"
    line = case.mended(case.replaced(case.at, case.at + 1, action))
    return case.report(
        "OP011",
        word,
        f'a reply cannot "{word.text}"',
        "A reply may say, ask, open, handoff, quote, schedule, call or dismiss.",
        *([line] if line else []),
    )


def missing_word(case: Case) -> Diagnostic | None:
    """Find OP015: a small word or sign that would make the clause whole."""
    for index in dict.fromkeys((case.at, case.at - 1)):
        if not 0 < index <= len(case.words):
            continue
        for word in _insertions(case, index):
            line = case.mended(case.replaced(index, index, word))
            if line is not None:
                place = case.words[min(index, len(case.words) - 1)]
                message = f'"{word}" is missing {_where(case, index)}'
                why = "With it the line reads as one sentence."
                return case.report("OP015", place, message, why, line)
    return None


def _insertions(case: Case, index: int) -> Iterator[str]:
    fitting = case.failure.fitting
    for word in (*_SMALL_WORDS, *_SMALL_SIGNS):
        if index != case.at or word.split()[0] in fitting:
            before, following = case.words[index - 1], case.words[index : index + 1]
            if word != before.text and all(_may_precede(word, one) for one in following):
                yield word


def _may_precede(word: str, following: Lexeme) -> bool:
    """Keep out insertions that parse but that nobody means: `in` a name, `of` a word."""
    if word == following.text:
        return False
    if word == "in":
        return not _is_name(following)
    return word != "of" or _is_name(following) or following.kind == "text"


def _is_name(word: Lexeme) -> bool:
    return word.kind == "word" and word.text not in KEYWORDS


def _where(case: Case, index: int) -> str:
    if index < len(case.words):
        return f"before {_shown(case.words[index])}"
    return "at the end"


def too_early(case: Case) -> Diagnostic | None:
    """Find OP018: the clause ends before it is whole."""
    if case.at < len(case.words):
        return None
    stop = len(case.words)
    last = case.words[-1]
    endings = _endings_after(case.words) if stop > 1 else ()
    line = case.first_mended(case.replaced(stop, stop, ending) for ending in endings)
    return case.report(
        "OP018",
        last,
        f"this ends too early, after {_shown(last)}",
        "What follows says what is meant.",
        *([line] if line else []),
    )


def _endings_after(words: tuple[Lexeme, ...]) -> tuple[str, ...]:
    """Order what may follow some words, the likelier first."""
    last = words[-1]
    if last.kind == "sign" and last.text in (">=", ">", "<=", "<", "=") and len(words) > 1:
        value = _VALUE_OF.get(words[-2].text)
        return (value, *_ENDINGS) if value else _ENDINGS
    known = _ENDING_AFTER.get(last.text)
    return (known, *_ENDINGS) if known else _ENDINGS


def swallowed_word(case: Case) -> Diagnostic | None:
    """Find OP018 where the clause would be whole with an operand put in at the failing place."""
    for index in (case.at, case.at - 1):
        if not 0 < index < len(case.words):
            continue
        endings = _endings_after(case.words[:index])
        line = case.first_mended(case.replaced(index, index, ending) for ending in endings)
        if line is not None:
            message = f"something is missing before {_shown(case.words[index])}"
            return case.report(
                "OP018", case.words[index], message, "A part of the line is left out.", line
            )
    return None


def not_expected(case: Case) -> Diagnostic:
    """Report OP019: anything else, with the line as it would pass without the odd word."""
    culprit = case.culprit
    index = min(case.at, len(case.words) - 1)
    if case.failure.too_deep:
        message = "these conditions are nested too deeply to be read"
        why = "Give the inner parts names of their own."
        return case.report("OP019", culprit, message, why, SAMPLES["top"]["define"])
    size = len(case.words)
    stops = dict.fromkeys((index + 1, size, min(index + 2, size)))
    search = size <= WORDS_MAX
    line = case.first_mended(case.replaced(index, stop, "") for stop in stops if search)
    message = f"{_shown(culprit)} does not fit here"
    return case.report("OP019", culprit, message, _WHY_WORD, *([line] if line else []))


def _shown(word: Lexeme) -> str:
    if word.kind == "text":
        return "this text"
    short = word.text if len(word.text) <= 30 else word.text[:29] + "…"
    return re.sub(r"\s+", " ", f'"{short}"')
