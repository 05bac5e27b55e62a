"""The names authors give: reserved words, lengths, and two of one kind with one name."""

from rules.diagnostics import diagnose
from rules.nodes import Name
from rules.resolver.findings import mended
from rules.resolver.scope import Scope
from rules.span import Span

NAME_LEN_MAX = 64

_WORDS = """
about active after ago allow and any anything answer as asked ask assistant at attribute because
between by call clock contains default define dismiss during engaged event except expect expires
first for from given goal handoff hide holdout hours import in is known last least likelihood
limit message most never no not of on open optional or owner page pages per policy priority quiet
quote reply rule say says schedule score seen session set show site start starts tags test text
then this timezone to unknown unless up variant visitor wait when with within yes
"""
RESERVED = frozenset(_WORDS.split())
"""LANGUAGE.md 3: words that nothing may be called."""

CONDITION_WORDS = frozenset({"at", "no", "not", "seen"})
"""Words that start a condition: a namespace called so would be read as one."""


def check_name(scope: Scope, kind: str, name: Name) -> None:
    """Report a reserved word (OP020) or a name that is too long (OP105)."""
    if name.text in RESERVED:
        scope.findings.mend(
            "OP020",
            name.span,
            f'"{name.text}" is a word of the language, so no {kind} can be called that',
            "It would be read as that word.",
            f"{name.text}_1",
        )
    elif len(name.text) > NAME_LEN_MAX:
        scope.findings.mend(
            "OP105",
            name.span,
            f"a name has up to {NAME_LEN_MAX} characters, and this one has {len(name.text)}",
            "",
            name.text[:NAME_LEN_MAX],
        )


def declare(scope: Scope, kind: str, name: str, span: Span) -> bool:
    """Note a declaration; report a second one of its kind (OP115) and return False."""
    first = scope.declared.get((kind, name))
    if first is None:
        scope.declared[kind, name] = span
        return True
    what = "two pages blocks" if kind == "pages" else f"two {kind}s"
    message = f'{what} are called "{name}"'
    second = diagnose("OP115", span, message, "Nobody can tell which one is meant; rename one.")
    scope.findings.twice(mended(second, f"{name}_2"), first)
    return False
