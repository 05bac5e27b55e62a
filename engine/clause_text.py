"""A condition in its author's words: the rule file's text where it is at hand."""

from rules.checked import Cond, PageTest
from rules.compiler.program import Program


def condition_text(program: Program, cond: Cond) -> tuple[str, int]:
    """Return a condition as it was typed, on one line, and its 1-based line.

    Without the source its key, and line 0. A page condition is named by its blocks or patterns.
    """
    if isinstance(cond, PageTest):
        return ", ".join(cond.pages.names) or ", ".join(
            f'"{g.source}"' for g in cond.pages.globs
        ), 0
    source = None if cond.span is None else program.sources.get(cond.span.source)
    if source is None or cond.span is None:
        return cond.key, 0
    typed = source.text[cond.span.start : cond.span.end]
    return " ".join(typed.split()), source.place(cond.span.start).line
