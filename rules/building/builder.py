"""The builder of a whole file: every grammar rule has its method here or above."""

from rules import nodes
from rules.building.parts import Parts
from rules.building.timeline import TimelineBuilder


class TreeBuilder(TimelineBuilder):
    """Builds the blocks of a file; one builder serves one parse at a time."""

    def start(self, parts: Parts) -> tuple[nodes.Block, ...]:
        """Keep the blocks in the order of the text."""
        return tuple(parts)
