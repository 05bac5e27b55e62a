"""What was promised to anybody: answers given, causes told, erasures confirmed."""

from collections.abc import Iterable

from tests.simulation.breaches import Broken, hold
from tests.simulation.copies import Copy
from tests.simulation.visitors import Visitor


class Ledger:
    """Takes down what was answered, and looks at once whether it is as safe as it must be."""

    def __init__(self) -> None:
        self.events: dict[str, Visitor] = {}
        self.told: set[str] = set()
        self.erased: dict[str, Visitor] = {}
        self.answers = 0

    def answered(self, visitor: Visitor, names: tuple[str, ...], replica: Copy) -> None:
        """Note events that were answered with success: each is in the replica's journal (R6)."""
        if visitor.erased_s is not None:
            return
        for name in names:
            self.answers += 1
            self.events[name] = visitor
            safe = any((one, name) in replica.events for one in visitor.ids)
            hold("R6", that=safe, else_say=f"{name} was answered before it was safe")

    def tell(self, cause: str, visitor: str, replica: Copy) -> None:
        """Note a cause that somebody was told: the replica has what it tells of (R6)."""
        if cause not in replica.causes and visitor not in self.erased:
            raise Broken("R6", f"{cause} was told before it was safe")

    def release(self, visitor: Visitor) -> None:
        """Note that an erasure began: nothing that was promised before is owed any more."""
        self.events = {name: one for name, one in self.events.items() if one is not visitor}

    def erase(self, visitor: Visitor, ids: Iterable[str]) -> None:
        """Note an erasure that was confirmed, of these ids at least."""
        self.erased.update(dict.fromkeys(ids, visitor))
