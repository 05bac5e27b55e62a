"""From a store's journal to a session at an instant: reads what is needed, then tells it again."""

from msgspec import Struct

from engine.profile import Profile
from engine.stores.base import Entry, SessionRef, Store
from engine.stores.codec import decode_entry, decode_profile
from engine.why import Programs, Recorded, Retelling, profile_before

ENTRIES_MAX = 50_000
"""Journal entries of one telling; a longer session cannot be told, earlier sessions are left out."""

EARLIER_SESSIONS_MAX = 10
"""Earlier sessions of the visitor that are told too, for their dismissals and chats; the newest."""

_SLICE = 1_000


class Past(Struct, frozen=True):
    """A visitor's entries in the order of their commits, and what was known before the first."""

    ref: SessionRef
    profile: Profile
    recorded: tuple[Recorded, ...]

    @property
    def programs(self) -> frozenset[tuple[str, str]]:
        """Name the (site, version) of every program that is needed."""
        return frozenset((one.entry.source, one.entry.program) for one in self.recorded)

    def until(self, at_ms: int) -> "Past":
        """Return the same up to an instant, that one included."""
        kept = tuple(one for one in self.recorded if one.entry.given.now_ms <= at_ms)
        return Past(self.ref, self.profile, kept)

    @property
    def first_ms(self) -> int:
        """Return when the session itself began, as far as entries tell."""
        return min(one.entry.given.now_ms for one in self.recorded if one.ref == self.ref)


async def read_past(
    store: Store, ref: SessionRef, *, until_ms: int | None = None, number: int | None = None
) -> Past | None:
    """Read a session's journal up to an instant or an entry, with the visitor's sessions before it.

    None when the session's journal is no longer whole, or too long.
    """
    own = await _journal(store, ref, ENTRIES_MAX)
    if own is None:
        return None
    own = [pair for pair in own if number is None or pair[1].number <= number]
    last_ms = own[-1][0].at_ms if own else 0
    record = await store.visitor(ref.workspace, ref.visitor)
    known = Profile(ref.visitor) if record is None else decode_profile(record.profile)
    pairs = own + await _earlier(store, ref, known, ENTRIES_MAX - len(own))
    pairs = [pair for pair in pairs if number is None or pair[0].at_ms <= last_ms]
    pairs.sort(key=lambda pair: (pair[0].at_ms, pair[1].ref.session == ref.session, pair[1].number))
    recorded = tuple(
        one for _, one in pairs if until_ms is None or one.entry.given.now_ms <= until_ms
    )
    if not recorded:
        return Past(ref, known, ())
    retold = frozenset(one.ref.session for one in recorded)
    first_ms = min(one.entry.given.now_ms for one in recorded)
    return Past(ref, profile_before(known, retold, first_ms), recorded)


def retell(past: Past, programs: Programs, secret: bytes) -> Retelling:
    """Take everything that was read once more; long, so beside the loop."""
    retelling = Retelling(past.profile, programs, secret)
    for one in past.recorded:
        retelling.take(one)
    return retelling


async def _earlier(
    store: Store, ref: SessionRef, profile: Profile, room: int
) -> list[tuple[Entry, Recorded]]:
    """Read the visitor's other sessions, the newest first, as far as they are whole and there is room."""
    pairs: list[tuple[Entry, Recorded]] = []
    others = [session for session in profile.sessions if session != ref.session]
    for session in others[::-1][:EARLIER_SESSIONS_MAX]:
        other = SessionRef(ref.workspace, ref.visitor, session)
        found = await _journal(store, other, room - len(pairs))
        if found is None:
            break
        pairs += found
    return pairs


async def _journal(store: Store, ref: SessionRef, most: int) -> list[tuple[Entry, Recorded]] | None:
    """Read a session's whole journal; None when its beginning is gone or it has more than `most`."""
    pairs: list[tuple[Entry, Recorded]] = []
    after = 0
    while True:
        entries = await store.journal(ref, after, _SLICE)
        pairs += [
            (entry, Recorded(ref, entry.number, decode_entry(entry.body))) for entry in entries
        ]
        if not pairs or pairs[0][0].number != 1 or len(pairs) > most:
            return None
        if len(entries) < _SLICE:
            return pairs
        after = entries[-1].number
