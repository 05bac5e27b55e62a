"""Lists of pages: patterns parsed, names of `pages` blocks inlined."""

import json
from collections.abc import Sequence
from hashlib import sha256

from rules.checked import PageList
from rules.nodes import Glob, PageRef, PagesName
from rules.page_globs import GlobProblem, PageGlob
from rules.resolver.findings import Nameless
from rules.resolver.literals import quoted
from rules.resolver.scope import NESTING_MAX, Scope
from rules.span import Span

_KEY_LEN_MAX = 400

PATTERNS_MAX = 2_000
"""Patterns of one list of pages, those of the names in it included."""

NO_PAGES = Nameless(
    "OP112", "pages block", "Nobody could tell which pages are meant; a path stands in quotes."
)


def page_list(scope: Scope, refs: Sequence[PageRef]) -> PageList | None:
    """Resolve a list of pages; None when a part of it was reported."""
    globs: dict[str, PageGlob] = {}
    names: list[str] = []
    complete = True
    for ref in refs:
        if isinstance(ref, Glob):
            glob = _glob(scope, ref)
            found: tuple[PageGlob, ...] = () if glob is None else (glob,)
            complete = complete and glob is not None
        else:
            named = _named(scope, ref)
            found = () if named is None else named.globs
            complete = complete and named is not None
            names.append(ref.name)
        globs.update((glob.source, glob) for glob in found)
        if len(globs) > PATTERNS_MAX:
            _report_length(scope, ref)
            return None
    return _shared(scope, tuple(globs.values()), tuple(names)) if complete else None


def _report_length(scope: Scope, ref: PageRef) -> None:
    scope.findings.say(
        "OP105",
        ref.span,
        f"a list of pages has up to {PATTERNS_MAX:,} patterns",
        "Patterns with * and ** say the same in a few lines.",
    )


def _shared(scope: Scope, globs: tuple[PageGlob, ...], names: tuple[str, ...]) -> PageList:
    text = json.dumps([glob.source for glob in globs])
    if len(text) > _KEY_LEN_MAX:
        text = f"[#{sha256(text.encode()).hexdigest()[:32]}]"
    known = scope.page_lists.get(text)
    if known is not None and known.names == names:
        return known
    pages = PageList(globs, text, names)
    scope.page_lists.setdefault(text, pages)
    return pages


def _glob(scope: Scope, ref: Glob) -> PageGlob | None:
    if ref.pattern in scope.globs and scope.globs[ref.pattern] is not None:
        return scope.globs[ref.pattern]
    parsed = PageGlob.parse(ref.pattern)
    if isinstance(parsed, GlobProblem):
        scope.findings.mend(
            "OP126",
            ref.span,
            parsed.message,
            "No page would match, so nobody would be approached there.",
            quoted(parsed.suggestion),
        )
        return None
    scope.globs[ref.pattern] = parsed
    return parsed


def _named(scope: Scope, ref: PagesName) -> PageList | None:
    scope.used.add(("pages", ref.name))
    if ref.name in scope.named_pages:
        return scope.named_pages[ref.name]
    block = scope.pages.get(ref.name)
    if block is None:
        if scope.is_whole and not scope.is_broken("pages", ref.name):
            line = f'pages {ref.name} = "/{ref.name}"'
            scope.findings.unknown(NO_PAGES, ref.span, ref.name, scope.pages, line)
        return None
    mark = f"pages {ref.name}"
    if mark in scope.resolving:
        report_cycle(scope, ref.span, mark)
        return None
    if len(scope.resolving) >= NESTING_MAX:
        report_nesting(scope, ref.span)
        return None
    scope.resolving.append(mark)
    pages = page_list(scope, block.pages)
    scope.resolving.pop()
    if pages is not None:
        pages = _shared(scope, pages.globs, (ref.name,))
    scope.named_pages[ref.name] = pages
    return pages


def report_cycle(scope: Scope, span: Span, mark: str) -> None:
    """Report that a block refers to itself, with the way it does (OP117)."""
    keyword, _, name = mark.partition(" ")
    chain = [part.partition(" ")[2] for part in scope.resolving[scope.resolving.index(mark) :]]
    scope.findings.say(
        "OP117",
        span,
        f'{keyword} "{name}" refers to itself: {" → ".join([*chain, name])}',
        "What refers to itself has no meaning.",
    )


def report_nesting(scope: Scope, span: Span) -> None:
    """Report that names or parentheses are nested too deep (OP105)."""
    scope.findings.say(
        "OP105",
        span,
        f"this is nested over {NESTING_MAX} deep",
        "Nobody can read it, and it is mostly a sign of generated rules gone wrong.",
    )
