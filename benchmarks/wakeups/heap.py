"""By hand: a heap of (due, visitor) with lazy deletion, the structure usually written for this."""

from heapq import heappop, heappush

from benchmarks.outcome import Outcome
from benchmarks.wakeups.playing import play
from benchmarks.wakeups.workload import Workload

LABEL = "heap of tuples by hand"


class Heap:
    """A heap, and each visitor's due time."""

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._heap: list[tuple[int, int]] = []
        self._due: dict[int, int] = {}

    def arm(self, visitor: int, due_ms: int) -> None:
        """Push an entry; an older one of the visitor no longer counts."""
        self._due[visitor] = due_ms
        heappush(self._heap, (due_ms, visitor))

    def fire(self, now_ms: int) -> list[int]:
        """Pop what is due and still counts."""
        fired = []
        heap, dues = self._heap, self._due
        while heap and heap[0][0] <= now_ms:
            due_ms, visitor = heappop(heap)
            if dues.get(visitor) == due_ms:
                del dues[visitor]
                fired.append(visitor)
        return fired


def prepare(workload: Workload) -> Workload:
    """Nothing to prepare."""
    return workload


def run(prepared: Workload) -> Outcome:
    """Play the workload."""
    return play(prepared, Heap)
