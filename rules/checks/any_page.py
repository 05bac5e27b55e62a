"""OP303: a rule that speaks on every page."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Glob, On, OnAny, PageRef, Rule
from rules.resolver import Scope
from rules.span import Span

_ALL = frozenset({"/**", "/**/**", "**/**"})


def any_page(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report `on any page`, and patterns that match every page of every host."""
    for item in rule.items:
        if isinstance(item, OnAny):
            yield _found(item.span, "this rule speaks on every page")
        elif isinstance(item, On):
            for ref in item.pages:
                if _matches_all(ref, scope):
                    yield _found(ref.span, "this pattern matches every page")


def _matches_all(ref: PageRef, scope: Scope) -> bool:
    if isinstance(ref, Glob):
        return ref.pattern in _ALL
    pages = scope.named_pages.get(ref.name)
    return pages is not None and any(glob.source in _ALL for glob in pages.globs)


def _found(span: Span, message: str) -> Diagnostic:
    return diagnose(
        "OP303",
        span,
        message,
        "A message that fits every page fits none: visitors notice that it is not about theirs.",
        ('on page "/pricing", "/services/**"', 'allow OP303 because "it is about the whole site"'),
    )
