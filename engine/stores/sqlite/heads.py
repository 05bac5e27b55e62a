"""The heads of sessions and their wake-ups, in memory, for the thread that owns the SQLite file."""

from array import array

from engine.limits import HEADS_LEN_MAX
from engine.stores.head import Head, decode_head
from engine.wakeups import Wheel

# Sessions made at about the same time lie in neighbouring rows, so a block's tips share pages.
_BLOCK_BITS = 10
_EVICT_SCAN = 4_096


class HeadMap:
    """Slots of sessions. A warm slot has a name and a head; a cold one only a wake-up in the wheel.

    `nums` are the sessions' row numbers in the file, `rows` their newest journal rows. A session that
    was read again after its slot went cold may have two slots for a while: the one with the name counts.
    """

    def __init__(self, len_max: int = HEADS_LEN_MAX) -> None:
        """Start empty, to hold `len_max` warm sessions."""
        self.wheel = Wheel()
        self.nums = array("q")
        self.rows = array("q")
        self.heads: list[bytes] = []
        self.names: list[str | None] = []
        self.warm = 0
        self._len_max = len_max
        self._slots: dict[str, dict[str, int]] = {}
        self._spaces = array("I")
        self._space_numbers: dict[str, int] = {}
        self._space_names: list[str] = []
        self._free: list[int] = []
        # By workspace, an id that no session of the file which is not warm sorts after.
        self._cold: dict[str, str] = {}
        self._dirty: dict[int, list[int]] = {}
        self._is_dirty = bytearray()
        self._hand = 0

    def slot(self, workspace: str, session: str) -> int | None:
        """Find a warm session's slot."""
        of_one = self._slots.get(workspace)
        return None if of_one is None else of_one.get(session)

    def peek(self, workspace: str, session: str) -> Head | None:
        """Read a warm session's head; also from another thread, then as of a moment ago."""
        slot = self.slot(workspace, session)
        head = b"" if slot is None else self.heads[slot]
        return decode_head(head) if head else None

    def newest_cold(self, workspace: str) -> str | None:
        """Return an id that no session which is not warm sorts after; None while that is not known.

        Ids of sessions rise with time, so that a new one need not be looked for in the file.
        """
        return self._cold.get(workspace)

    def note_cold(self, workspace: str, newest: str) -> None:
        """Learn the last session of a workspace in the order of ids that the file has."""
        self._cold[workspace] = newest

    def add_cold(self, num: int, due_ms: int) -> None:
        """Hold a session's wake-up, and nothing else of it."""
        self.wheel.arm(self._take_slot(num), due_ms)

    def add(self, workspace: str, session: str, num: int) -> int:
        """Give a session a warm slot; its head and row follow by `set`."""
        slot = self._take_slot(num)
        self.name(slot, workspace, session)
        return slot

    def name(self, slot: int, workspace: str, session: str) -> None:
        """Make a slot the warm one of a session."""
        number = self._space_numbers.get(workspace)
        if number is None:
            number = self._space_numbers[workspace] = len(self._space_names)
            self._space_names.append(workspace)
            self._slots[workspace] = {}
        self._slots[workspace][session] = slot
        self._spaces[slot] = number
        self.names[slot] = session
        self.warm += 1

    def set(self, slot: int, head: bytes, row: int) -> None:
        """Set a slot's head and newest journal row."""
        self.heads[slot] = head
        self.rows[slot] = row

    def cool(self, slot: int) -> None:
        """Forget a slot's session but for a pending wake-up."""
        name = self.names[slot]
        if name is not None:
            workspace = self._space_names[self._spaces[slot]]
            del self._slots[workspace][name]
            if name > self._cold.get(workspace, name):
                self._cold[workspace] = name
            self.names[slot] = None
            self.heads[slot] = b""
            self.warm -= 1
        if self.wheel.due(slot) is None:
            self._free.append(slot)

    def drop(self, workspace: str, session: str) -> None:
        """Forget a session that is gone for good, and its wake-up."""
        slot = self.slot(workspace, session)
        if slot is not None:
            self.wheel.disarm(slot)
            self.cool(slot)

    def mark(self, slot: int) -> None:
        """Note that the file's tip of a session is no longer the newest."""
        if not self._is_dirty[slot]:
            self._is_dirty[slot] = 1
            self._dirty.setdefault(self.nums[slot] >> _BLOCK_BITS, []).append(slot)

    @property
    def is_crowded(self) -> bool:
        """Tell whether there are more warm slots than there should be."""
        return self.warm > self._len_max

    @property
    def has_dirty(self) -> bool:
        """Tell whether any tip in the file is old."""
        return bool(self._dirty)

    def take_dirty(self) -> list[list[int]]:
        """Take all marked slots, in blocks of neighbours; the caller writes them to the file."""
        blocks = [self._dirty[block] for block in sorted(self._dirty)]
        self._dirty = {}
        for block in blocks:
            for slot in block:
                self._is_dirty[slot] = 0
        return blocks

    def evict(self, checkpoint: int) -> None:
        """When there are too many warm slots, cool some that the file knows as well as memory does.

        Of the next slots round the clock those go that are older than their mean.
        """
        if not self.is_crowded:
            return
        steps = range(min(_EVICT_SCAN, len(self.names)))
        slots = [(self._hand + step) % len(self.names) for step in steps]
        self._hand = (slots[-1] + 1) % len(self.names)
        clean = {s for s in slots if self.names[s] is not None and self.rows[s] <= checkpoint}
        clean = {s for s in clean if not self._is_dirty[s] and not self._is_leased(s)}
        if clean:
            mean = sum(self.rows[slot] for slot in clean) // len(clean)
            for slot in clean:
                if self.rows[slot] <= mean:
                    self.cool(slot)

    def _is_leased(self, slot: int) -> bool:
        """Tell whether a claim holds the slot: only memory knows until when."""
        due_ms = self.wheel.due(slot)
        return due_ms is not None and due_ms != decode_head(self.heads[slot]).due_ms

    def _take_slot(self, num: int) -> int:
        if self._free:
            slot = self._free.pop()
            self.nums[slot] = num
            return slot
        self.nums.append(num)
        self.rows.append(0)
        self.heads.append(b"")
        self.names.append(None)
        self._spaces.append(0)
        self._is_dirty.append(0)
        return len(self.names) - 1
