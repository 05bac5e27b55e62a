"""OP305: a text shows an attribute that may be absent, and says nothing for that case."""

from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Answer, Rule, Text
from rules.resolver import Scope, text_span
from rules.resolver.findings import mended
from rules.template import PlaceholderText, parse_template

_TEMPLATE_ACTIONS = frozenset({"say", "ask"})


def fallback_missing(block: Rule | Answer, scope: Scope) -> Iterator[Diagnostic]:
    """Report placeholders of optional attributes without a fallback."""
    for text in _templates(block):
        if "{" not in text.value:
            continue
        parsed = parse_template(text.value)
        for part in parsed if isinstance(parsed, tuple) else ():
            if isinstance(part, PlaceholderText) and _needs_fallback(part, scope):
                yield _found(text, part)


def _templates(block: Rule | Answer) -> Iterator[Text]:
    for say in says_of(block):
        yield say.text
        for reply in say.replies:
            yield reply.text
            if reply.payload is not None and reply.action in _TEMPLATE_ACTIONS:
                yield reply.payload


def _needs_fallback(part: PlaceholderText, scope: Scope) -> bool:
    plan = scope.attributes.get(part.name)
    return part.fallback is None and plan is not None and plan.optional


def _found(text: Text, part: PlaceholderText) -> Diagnostic:
    found = diagnose(
        "OP305",
        text_span(text, part.start, part.end),
        f"{part.name} may be absent, and the text has no word for that",
        "Such a visitor would read a gap.",
    )
    return mended(found, f"{{{part.name} | there}}")
