"""One wake-up a session: due times by slot, buckets by due time, lazy deletion.

A slot is a small integer that the owner gives to a session. Its due time stands in one array; two
levels of buckets hold slots: 8 ms fine, 1,024 ms coarse. A coarse bucket is opened into fine ones when
its second begins. Moving or dropping a wake-up only changes the array; a bucket's entry counts only
while the slot's due time still falls into that bucket.
"""

from array import array
from heapq import heappop, heappush

_FINE_BITS = 3
_COARSE_BITS = 10
_NONE = -1


class Wheel:
    """Pending wake-ups of slots 0, 1, 2 …; due times are Unix milliseconds, >= 0.

    Cost: arm and pop O(1) and about a microsecond; memory 12 bytes a slot and 4 an arming that was
    moved to another second and has not yet passed.
    """

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._due = array("q")
        self._fine: dict[int, array[int]] = {}
        self._coarse: dict[int, array[int]] = {}
        self._fine_order: list[int] = []
        self._coarse_order: list[int] = []
        # INVARIANT: every coarse bucket is later than this second; every fine one lies within or before.
        self._opened = _NONE
        self._pending = 0

    def __len__(self) -> int:
        """Count pending wake-ups."""
        return self._pending

    def due(self, slot: int) -> int | None:
        """Tell when a slot is due, None when it has no wake-up."""
        due_ms = self._due[slot] if slot < len(self._due) else _NONE
        return None if due_ms < 0 else due_ms

    def arm(self, slot: int, due_ms: int) -> None:
        """Set a slot's one wake-up, in the place of an earlier one."""
        dues = self._due
        try:
            before = dues[slot]
        except IndexError:
            dues.extend([_NONE] * (slot + 1 - len(dues)))
            before = _NONE
        dues[slot] = due_ms
        if before < 0:
            self._pending += 1
        second = due_ms >> _COARSE_BITS
        if second > self._opened:
            if before >= 0 and before >> _COARSE_BITS == second:
                return
            buckets, key, order = self._coarse, second, self._coarse_order
        else:
            key = due_ms >> _FINE_BITS
            if before >= 0 and before >> _FINE_BITS == key:
                return
            buckets, order = self._fine, self._fine_order
        try:
            buckets[key].append(slot)
        except KeyError:
            buckets[key] = array("I", (slot,))
            heappush(order, key)

    def disarm(self, slot: int) -> None:
        """Drop a slot's wake-up, if it has one."""
        if slot < len(self._due) and self._due[slot] >= 0:
            self._due[slot] = _NONE
            self._pending -= 1

    def pop_due(self, now_ms: int, limit: int) -> list[tuple[int, int]]:
        """Take at most `limit` wake-ups with a due time <= now_ms, as (due, slot), earliest first."""
        self._open(now_ms >> _COARSE_BITS)
        taken: list[tuple[int, int]] = []
        order = self._fine_order
        while order and order[0] <= now_ms >> _FINE_BITS and len(taken) < limit:
            key = order[0]
            ready, rest = self._split(key, now_ms)
            ready.sort()
            room = limit - len(taken)
            for due_ms, slot in ready[:room]:
                self._due[slot] = _NONE
                taken.append((due_ms, slot))
            rest.extend(slot for _, slot in ready[room:])
            if rest:
                self._fine[key] = rest
                break
            del self._fine[key]
            heappop(order)
        self._pending -= len(taken)
        return taken

    def next_due(self) -> int | None:
        """Tell an instant before which nothing falls due; None when nothing is pending.

        Exact within the second that has begun, else at most 1,024 ms early.
        """
        while self._fine_order:
            key = self._fine_order[0]
            dues = [d for slot in self._fine[key] if (d := self._due[slot]) >> _FINE_BITS == key]
            if dues:
                return min(dues)
            del self._fine[key]
            heappop(self._fine_order)
        while self._coarse_order:
            second = self._coarse_order[0]
            dues_of = self._due
            if any(dues_of[slot] >> _COARSE_BITS == second for slot in self._coarse[second]):
                return second << _COARSE_BITS
            del self._coarse[second]
            heappop(self._coarse_order)
        return None

    def _split(self, key: int, now_ms: int) -> tuple[list[tuple[int, int]], "array[int]"]:
        """Part a fine bucket into what is due and what is not; entries that moved away vanish."""
        ready: dict[int, int] = {}
        rest = array("I")
        for slot in self._fine[key]:
            due_ms = self._due[slot]
            if due_ms >> _FINE_BITS != key:
                continue
            if due_ms <= now_ms:
                ready[slot] = due_ms
            else:
                rest.append(slot)
        return [(due_ms, slot) for slot, due_ms in ready.items()], rest

    def _open(self, second: int) -> None:
        """Spread the coarse buckets up to a second over fine ones."""
        while self._coarse_order and self._coarse_order[0] <= second:
            opened = heappop(self._coarse_order)
            dues, fine = self._due, self._fine
            for slot in self._coarse.pop(opened):
                due_ms = dues[slot]
                if due_ms >> _COARSE_BITS != opened:
                    continue
                key = due_ms >> _FINE_BITS
                bucket = fine.get(key)
                if bucket is None:
                    fine[key] = array("I", (slot,))
                    heappush(self._fine_order, key)
                else:
                    bucket.append(slot)
        self._opened = max(self._opened, second)
