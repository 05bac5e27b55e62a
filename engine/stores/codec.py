"""Session, profile and journal entry as bytes, with a layout version in front.

Fields are only ever appended, with defaults; a change that appending cannot express raises the layout
and adds one upgrade (STORES.md 3). Registers are stored by place: the keys of a program's registers are
kept as a document under the program's version, so that a session moves to other rules by key.
"""

from hashlib import sha256

import msgspec

from engine.decision import DecisionRow
from engine.errors import OpportuneError
from engine.message import Item
from engine.profile import Profile
from engine.session import Session, State
from engine.step import Input

LAYOUT = 1
_NO_STATE = State(start_ms=0, clock_ms=0)

_encoder = msgspec.msgpack.Encoder()
_session_decoder = msgspec.msgpack.Decoder(Session)
_state_decoder = msgspec.msgpack.Decoder(State)
_profile_decoder = msgspec.msgpack.Decoder(Profile)
_item_decoder: msgspec.msgpack.Decoder[Item] = msgspec.msgpack.Decoder(Item)
_row_decoder = msgspec.msgpack.Decoder(DecisionRow)
_PREFIX = bytes([LAYOUT])


class NewerLayout(OpportuneError):
    """The bytes were written by a newer version of Opportune."""

    def __init__(self, layout: int) -> None:
        """Name the layout that was met."""
        self.layout = layout
        super().__init__(
            f"stored data have layout {layout}; this version reads up to {LAYOUT}. Upgrade this worker"
        )


class JournalEntry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One commit as the journal keeps it: the rules' version, the input as accepted, what was decided.

    `digests` are those of the decision rows, which the store lists by themselves; `messages` the ids of
    the messages that the commit appended.
    """

    program: str
    source: str
    given: Input
    digests: tuple[bytes, ...] = ()
    messages: tuple[str, ...] = ()
    duplicates: int = 0


_entry_decoder = msgspec.msgpack.Decoder(JournalEntry)


def encode_session(session: Session) -> bytes:
    """Encode a session; typically 500 to 800 bytes.

    With a `base` the state is left out: it is the fold of the events since (`late.revive`).
    """
    if not session.base:
        return _PREFIX + _encoder.encode(session)
    state, middle = session.state, session.middle
    session.state, session.middle = _NO_STATE, b""
    body = _PREFIX + _encoder.encode(session)
    session.state, session.middle = state, middle
    return body


def decode_session(body: bytes) -> Session:
    """Decode a session, whose state may have to be revived; raises NewerLayout."""
    return _session_decoder.decode(_checked(body))


def encode_state(state: State) -> bytes:
    """Encode a state alone, as kept for late events."""
    return _encoder.encode(state)


def decode_state(body: bytes) -> State:
    """Decode a state alone."""
    return _state_decoder.decode(body)


def encode_profile(profile: Profile) -> bytes:
    """Encode a profile."""
    return _PREFIX + _encoder.encode(profile)


def decode_profile(body: bytes) -> Profile:
    """Decode a profile; raises NewerLayout."""
    return _profile_decoder.decode(_checked(body))


def encode_item(item: Item) -> bytes:
    """Encode what has an offset: a message or a notice."""
    return _PREFIX + _encoder.encode(item)


def decode_item(body: bytes) -> Item:
    """Decode a message or a notice; raises NewerLayout."""
    return _item_decoder.decode(_checked(body))


def encode_entry(entry: JournalEntry) -> bytes:
    """Encode a journal entry."""
    return _PREFIX + _encoder.encode(entry)


def decode_entry(body: bytes) -> JournalEntry:
    """Decode a journal entry; raises NewerLayout."""
    return _entry_decoder.decode(_checked(body))


def encode_row(row: DecisionRow) -> bytes:
    """Encode a decision row."""
    return _PREFIX + _encoder.encode(row)


def decode_row(body: bytes) -> DecisionRow:
    """Decode a decision row; raises NewerLayout."""
    return _row_decoder.decode(_checked(body))


def row_digest(row: DecisionRow) -> bytes:
    """Return the first 8 bytes of the SHA-256 of a row: equal rows, and practically no others."""
    return sha256(_encoder.encode(row)).digest()[:8]


def _checked(body: bytes) -> memoryview:
    if body[0] > LAYOUT:
        raise NewerLayout(body[0])
    return memoryview(body)[1:]
