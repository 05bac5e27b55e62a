"""OP304: a message that does not mention what the page is about."""

import unicodedata
from collections.abc import Iterator

from rules.checks.says import says_of
from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import About, Glob, On, Rule
from rules.resolver import Scope

_SHORTEST = 3
_STEM = 5
_WITHOUT_TOPIC = """
about and any are but can com for from get has have help here her his how html index its let
not our out page pages see she that the their them then there they this use was what when which
who why will with would www you your
"""
_STOP_WORDS = frozenset(_WITHOUT_TOPIC.split())


def off_topic(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report a text that shares no word with the page, the `about` or the title.

    Words are compared by their first five letters, so that repair and repairs are one.
    """
    topic = set().union(*(_stems(text) for text in _topics(rule, scope)))
    if not topic:
        return
    for say in says_of(rule):
        stems = _stems(say.text.value)
        for reply in say.replies:
            stems |= _stems(reply.text.value)
        if stems.isdisjoint(topic):
            yield diagnose(
                "OP304",
                say.text.span,
                "this message does not mention what the page is about",
                "Visitors answer when they see that it is about what they are reading.",
            )


def _topics(rule: Rule, scope: Scope) -> Iterator[str]:
    if rule.title is not None:
        yield rule.title.value
    for item in rule.items:
        if isinstance(item, About):
            yield item.text.value
        elif isinstance(item, On):
            for ref in item.pages:
                if isinstance(ref, Glob):
                    yield ref.pattern.partition("?")[0]
                    continue
                yield ref.name
                pages = scope.named_pages.get(ref.name)
                for glob in pages.globs if pages is not None else ():
                    yield glob.source.partition("?")[0]


def _stems(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    words = "".join(char if char.isalnum() else " " for char in plain).split()
    return {word[:_STEM] for word in words if len(word) >= _SHORTEST and word not in _STOP_WORDS}
