"""Mistakes that show in the signs of a clause: unknown characters, foreign operators, mixed and/or."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.diagnostics import Diagnostic
from rules.lexemes import Lexeme, lexemes_of
from rules.recovering.case import Case
from rules.spacing import join

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_PARENTHESES_MAX = 50
_SINGLE_QUOTES = "'‘’`´"

_OWN_SIGN = {
    "==": "=", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "<>": "!=",
    "=>": ">=", "=<": "<=", "≥": ">=", "≤": "<=", "≠": "!=",
}  # fmt: skip
_OWN_WORD = {"equals": "=", "is": "=", "are": "="}


def unknown_character(case: Case) -> Diagnostic | None:
    """Find OP001: a character that the language does not use."""
    index = next((at for at, word in enumerate(case.words) if word.kind == "unknown"), None)
    if index is None:
        return None
    place = case.words[index]
    if place.text in _SINGLE_QUOTES:
        line = case.mended(_in_double_quotes(case))
        tries = (line,) if line else ()
        return case.report(
            "OP001",
            place,
            "a text stands in double quotes",
            "Single quotes mean nothing here.",
            *tries,
        )
    if place.text in _INVISIBLE:
        message = "there is an invisible character here"
        why = "It came along when the line was copied."
    else:
        message = f'"{place.text}" means nothing here'
        why = (
            "A clause ends where its line ends."
            if place.text == ";"
            else "Rules need no such sign."
        )
    glued = _glued_to_number(case, index)
    line = case.mended(*glued, *map(_cleaned, glued), _without_unknown(case.words))
    if line is None:
        return case.report("OP001", place, message, why)
    return case.report_swap("OP001", place, message, why, ("", line))


def foreign_operator(case: Case) -> Diagnostic | None:
    """Find OP013: an operator of another language."""
    words = case.words
    if case.clause.context == "reply":
        return _reply_arrow(case)
    for index, word in enumerate(words):
        own = _own_form(case, index)
        if own is None:
            continue
        line = case.mended(_with_own_signs(case))
        why = "Conditions read like a sentence."
        message = f'"{word.text}" is written "{own}"'
        if line is None:
            return case.report("OP013", word, message, why)
        return case.report_swap("OP013", word, message, why, (own, line))
    return None


def mixed_and_or(case: Case) -> Diagnostic | None:
    """Find OP012: `and` beside `or` without parentheses; both readings are offered."""
    start = _condition_start(case)
    if start is None or sum(word.is_sign("(") for word in case.words) > _PARENTHESES_MAX:
        return None
    stack = [_Level()]
    for index in range(start, len(case.words)):
        word = case.words[index]
        if word.is_sign("("):
            stack.append(_Level())
        elif word.is_sign(")") and len(stack) > 1:
            stack.pop()
        elif word.is_word("between"):
            stack[-1].between = True
        elif word.is_word("and") and stack[-1].between:
            stack[-1].between = False
        elif word.is_word("and", "or"):
            stack[-1].joints.append(index)
            if len({case.words[joint].text for joint in stack[-1].joints}) > 1:
                return _two_readings(case, start, word)
    return None


@dataclass(slots=True)
class _Level:
    """The conditions between two parentheses: where their joining words stand."""

    between: bool = False
    joints: list[int] = field(default_factory=list)


def _two_readings(case: Case, start: int, place: Lexeme) -> Diagnostic:
    tries = [
        line
        for tight in ("and", "or")
        if (line := case.mended(_grouped(case, start, tight))) is not None
    ]
    return case.report(
        "OP012",
        place,
        'this mixes "and" with "or"',
        "It could mean two things, and they reach different visitors.",
        *tries,
    )


def _grouped(case: Case, start: int, tight: str) -> str:
    """Put parentheses around the conditions that the tight word joins, on every level that mixes."""
    condition = _grouped_level(case.words[start:], tight)
    head = join(case.words[:start])
    return f"{head} {condition}"


def _grouped_level(words: Sequence[Lexeme], tight: str) -> str:
    units: list[str] = []
    joints: list[str] = []
    run: list[Lexeme] = []
    between = False
    at = 0
    while at < len(words):
        word = words[at]
        if word.is_sign("("):
            closing = _closing(words, at)
            run.extend(lexemes_of(f"({_grouped_level(words[at + 1 : closing], tight)})"))
            at = closing
        elif word.is_word("and", "or") and not (between and word.text == "and"):
            units.append(join(run))
            joints.append(word.text)
            run = []
        else:
            between = word.is_word("between") or (between and not word.is_word("and"))
            run.append(word)
        at += 1
    return _in_parentheses([*units, join(run)], joints, tight)


def _in_parentheses(units: list[str], joints: list[str], tight: str) -> str:
    """Join conditions, each run of the tight word in parentheses if another word is there too."""
    mixed = len(set(joints)) > 1
    groups = [[units[0]]]
    loose = []
    for joint, unit in zip(joints, units[1:], strict=True):
        if joint == tight:
            groups[-1].append(unit)
        else:
            groups.append([unit])
            loose.append(joint)
    written = [
        f"({f' {tight} '.join(group)})" if mixed and len(group) > 1 else f" {tight} ".join(group)
        for group in groups
    ]
    out = written[0]
    for joint, text in zip(loose, written[1:], strict=True):
        out += f" {joint} {text}"
    return out


def _closing(words: Sequence[Lexeme], at: int) -> int:
    depth = 0
    for index in range(at, len(words)):
        depth += words[index].is_sign("(") - words[index].is_sign(")")
        if depth == 0:
            return index
    return len(words) - 1


def _condition_start(case: Case) -> int | None:
    """Find where the clause's condition begins: after `when`, `unless`, or `define x =`."""
    first = case.clause.first
    if first.is_word("when", "unless"):
        return 1
    if first.is_word("define"):
        return 3
    if first.kind == "signed" and len(case.words) > 1 and case.words[1].is_word("when"):
        return 2
    return None


def _own_form(case: Case, index: int) -> str | None:
    word = case.words[index]
    if word.kind == "foreign":
        return _OWN_SIGN[word.text]
    if word.is_sign("->"):
        return "="
    if word.kind != "word" or index == 0:
        return None
    if word.text in ("AND", "OR", "NOT"):
        return word.text.lower()
    following = case.words[index + 1] if index + 1 < len(case.words) else None
    is_presence = following is not None and following.is_word("known", "unknown")
    if case.at == index or case.at == index + 1:
        return None if is_presence else _OWN_WORD.get(word.text)
    return None


def _with_own_signs(case: Case) -> str:
    out: list[str] = []
    for index, word in enumerate(case.words):
        own = _own_form(case, index)
        if own == "=" and index + 1 < len(case.words) and case.words[index + 1].is_word("not"):
            own = "!="
        if word.is_word("not") and out and out[-1] == "!=":
            continue
        out.append(own or word.text)
    return case.replaced(0, len(case.words), " ".join(out))


def _reply_arrow(case: Case) -> Diagnostic | None:
    arrows = ("=>", "=", ">", "==")
    for index, word in enumerate(case.words):
        if word.kind in ("foreign", "sign") and word.text in arrows:
            message = f'"{word.text}" is written "->"'
            why = "The arrow leads from the button to what it does."
            line = case.mended(case.replaced(index, index + 1, "->"))
            if line:
                return case.report_swap("OP013", word, message, why, ("->", line))
            return case.report("OP013", word, message, why)
    return None


def _in_double_quotes(case: Case) -> str:
    texts = ['"' if word.text in _SINGLE_QUOTES else word.text for word in case.words]
    out = ""
    inside = False
    for text in texts:
        if text == '"':
            out = out + text if inside else f"{out} {text}"
            inside = not inside
        elif inside and out.endswith('"'):
            out += text
        else:
            out += f" {text}"
    return case.replaced(0, len(case.words), out)


def _glued_to_number(case: Case, index: int) -> list[str]:
    """Join `60 %` and `$ 75`, which are one word each."""
    words = case.words
    if words[index].text == "%" and index and words[index - 1].kind in ("int", "number"):
        return [case.replaced(index - 1, index + 1, words[index - 1].text + "%")]
    if words[index].text in "$€£" and index + 1 < len(words):
        return [case.replaced(index, index + 2, words[index].text + words[index + 1].text)]
    return []


def _without_unknown(words: Sequence[Lexeme]) -> str:
    return join([word for word in words if word.kind != "unknown"])


def _cleaned(text: str) -> str:
    return _without_unknown(lexemes_of(text))
