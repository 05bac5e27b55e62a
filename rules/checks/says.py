"""The messages of a block, wherever in it they stand."""

from collections.abc import Iterator

from rules.nodes import Answer, Rule, Say, Variant


def says_of(block: Rule | Answer) -> Iterator[Say]:
    """Yield each `say` of a rule or answer, those of variants included."""
    for item in block.items:
        if isinstance(item, Say):
            yield item
        elif isinstance(item, Variant):
            yield from item.messages
