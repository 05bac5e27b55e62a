"""What stands in the lists and hashes of the Redis store, packed and read: messages, entries, decisions, names."""

from collections.abc import Sequence
from struct import Struct

import msgspec

from engine.stores.records import (
    DecisionFound,
    DecisionLine,
    Entry,
    NewMessage,
    SessionRef,
    StoredMessage,
)

# `commit.lua` writes these heads: number and instant of an entry, offset of a message.
_ENTRY_HEAD = Struct(">IQ")
_MESSAGE_HEAD = Struct(">Q")

_encode = msgspec.msgpack.Encoder().encode
_decode_message = msgspec.msgpack.Decoder(tuple[str, bytes]).decode
_decode_spot = msgspec.msgpack.Decoder(tuple[int, str, str]).decode
_decode_alias = msgspec.msgpack.Decoder(tuple[str, str, int]).decode


class KeptDecision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A listed decision under its id; its instant is the score that it is sorted by."""

    rule: str
    outcome: str
    body: bytes
    visitor: str
    session: str
    number: int


_decode_decision = msgspec.msgpack.Decoder(KeptDecision).decode


def pack_message(message: NewMessage) -> bytes:
    """Write a message as it stands behind its offset."""
    return _encode((message.id, message.body))


def unpack_message(raw: bytes) -> StoredMessage:
    """Read an element of a session's messages."""
    (offset,) = _MESSAGE_HEAD.unpack_from(raw)
    name, body = _decode_message(memoryview(raw)[_MESSAGE_HEAD.size :])
    return StoredMessage(offset, name, body)


def unpack_entry(raw: bytes) -> Entry:
    """Read an element of a session's journal."""
    number, at_ms = _ENTRY_HEAD.unpack_from(raw)
    return Entry(number, at_ms, raw[_ENTRY_HEAD.size :])


def newest_run(entries: Sequence[Entry]) -> list[Entry]:
    """Keep the entries of a journal's newest run: a session that began again after a sweep counts from 1."""
    begin = len(entries) - 1
    while begin > 0 and entries[begin - 1].number == entries[begin].number - 1:
        begin -= 1
    return list(entries[max(0, begin) :])


def pack_decision(line: DecisionLine, ref: SessionRef, number: int) -> bytes:
    """Write a decision of the commit that made version `number`."""
    return _encode(
        KeptDecision(line.rule, line.outcome, line.body, ref.visitor, ref.session, number)
    )


def unpack_decision(workspace: str, name: str, at_ms: int, raw: bytes) -> DecisionFound:
    """Read a decision; its workspace, id and instant stand where it was found."""
    kept = _decode_decision(raw)
    line = DecisionLine(name, at_ms, kept.rule, kept.outcome, kept.body)
    return DecisionFound(line, SessionRef(workspace, kept.visitor, kept.session), kept.number)


def pack_spot(partition: int, workspace_key: str, session_key: str) -> bytes:
    """Write where a session's keys are, without saying whose they are."""
    return _encode((partition, workspace_key, session_key))


def unpack_spot(raw: bytes) -> tuple[int, str, str]:
    """Read what `pack_spot` wrote."""
    return _decode_spot(raw)


def pack_alias(ref: SessionRef, at_ms: int) -> bytes:
    """Write the session that an alias stands for, and since when."""
    return _encode((ref.visitor, ref.session, at_ms))


def unpack_alias(workspace: str, raw: bytes) -> tuple[SessionRef, int]:
    """Read what `pack_alias` wrote."""
    visitor, session, at_ms = _decode_alias(raw)
    return SessionRef(workspace, visitor, session), at_ms


def pack_listed(ref: SessionRef) -> str:
    """Write a session as it stands in the list by id."""
    return f"{ref.session}\0{ref.visitor}"


def unpack_listed(workspace: str, raw: bytes) -> SessionRef:
    """Read what `pack_listed` wrote."""
    session, visitor = raw.decode().split("\0", 1)
    return SessionRef(workspace, visitor, session)
