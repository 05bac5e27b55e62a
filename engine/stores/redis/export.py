"""Showing all that is kept of a visitor in Redis, session by session."""

from collections.abc import AsyncIterator, Sequence
from typing import cast

from engine.stores.base import DecisionFound, Delivery, Kept, SessionRef
from engine.stores.redis.archived import RedisArchived
from engine.stores.redis.deliveries import unpack_delivery, unpack_row
from engine.stores.redis.kept import RedisKept
from engine.stores.redis.keys import unpack_ref
from engine.stores.redis.part import SLICE
from engine.stores.redis.records import unpack_decision, unpack_entry, unpack_message
from engine.stores.redis.replies import script

_SHOW = script("session_show_1")


class RedisExport(RedisArchived, RedisKept):
    """The part of `Store` that shows what it knows of a visitor."""

    async def export(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        """See `Store.export`."""
        self._check_open()
        for kept in await self._show_profile(workspace, visitor):
            yield kept
        decisions = await self._decision_ids(workspace, visitor)
        aliases = await self._aliases_of(workspace, visitor)
        stored = await self._stored_sessions(workspace, visitor)
        named = {ref.session for _, _, ref, _ in aliases}
        for session in sorted(stored | decisions.keys() | named):
            if session in stored:
                for kept in await self._show_session(SessionRef(workspace, visitor, session)):
                    yield kept
            for kept in await self._show_decisions(workspace, visitor, decisions.get(session, [])):
                yield kept
            for alias, _, ref, at_ms in aliases:
                if ref.session == session:
                    yield Kept("alias", session, alias, at_ms, b"")
        async for kept in self._show_waiting(workspace, visitor):
            yield kept

    async def _show_profile(self, workspace: str, visitor: str) -> list[Kept]:
        home, key = self._of_visitor("u", workspace, visitor)
        match await self._client.read(home, "HMGET", key, "at", "s"):
            case [bytes(at_ms), bytes(profile)]:
                return [Kept("profile", "", visitor, int(at_ms), profile)]
            case _:
                return []

    async def _stored_sessions(self, workspace: str, visitor: str) -> set[str]:
        home, key = self._of_visitor("v", workspace, visitor)
        places = cast("list[bytes]", await self._client.read(home, "ZRANGE", key, 0, -1))
        return {unpack_ref(place).session for place in places}

    async def _show_session(self, ref: SessionRef) -> list[Kept]:
        home, name = self._keys.partition(ref.workspace, ref.visitor), ref.session
        keys = [self._keys.of_session(kind, ref) for kind in ("s", "m", "j", "n")]
        found = await self._client.run(home, _SHOW, keys, (), durable=False)
        state, *lists = cast("tuple[bytes | None, list[bytes], list[bytes], list[bytes]]", found)
        messages, journal, names = lists
        entries = [unpack_entry(raw) for raw in journal] or await self._archived_journal(ref)
        newest_ms = entries[-1].at_ms if entries else 0
        kept = [Kept("session", name, name, newest_ms, state or b"")]
        kept += [Kept("entry", name, str(one.number), one.at_ms, one.body) for one in entries]
        said = (unpack_message(raw) for raw in messages)
        kept += [Kept("message", name, message.id, 0, message.body) for message in said]
        # Its own id and the place beside the names are shown already.
        leading = (raw.decode() for raw in names)
        kept += [Kept("name", name, one, 0, b"") for one in leading if one not in ("", name)]
        return kept

    async def _decision_ids(self, workspace: str, visitor: str) -> dict[str, list[bytes]]:
        """Sort the ids of a visitor's decisions by their session."""
        home, key = self._of_visitor("vq", workspace, visitor)
        ids = cast("list[bytes]", await self._client.read(home, "ZRANGE", key, 0, -1))
        sessions: dict[str, list[bytes]] = {}
        for begin in range(0, len(ids), SLICE):
            for found in await self._read_decisions(workspace, visitor, ids[begin : begin + SLICE]):
                sessions.setdefault(found.ref.session, []).append(found.line.id.encode())
        return sessions

    async def _show_decisions(
        self, workspace: str, visitor: str, ids: Sequence[bytes]
    ) -> list[Kept]:
        kept: list[Kept] = []
        for begin in range(0, len(ids), SLICE):
            some = await self._read_decisions(workspace, visitor, ids[begin : begin + SLICE])
            for found in some:
                line = found.line
                kept.append(Kept("decision", found.ref.session, line.id, line.at_ms, line.body))
        return kept

    async def _read_decisions(
        self, workspace: str, visitor: str, ids: Sequence[bytes]
    ) -> list[DecisionFound]:
        """Read at most 128 decisions; what a sweep removed meanwhile is left out."""
        home, key = self._of_visitor("vq", workspace, visitor)
        bodies = self._keys.of_workspace(home, "db", workspace)
        scores = await self._client.read(home, "ZMSCORE", key, *ids)
        raws = await self._client.read(home, "HMGET", bodies, *ids)
        found = zip(ids, cast("list[bytes]", scores), cast("list[bytes]", raws), strict=True)
        return [
            unpack_decision(workspace, name.decode(), int(float(score)), raw)
            for name, score, raw in found
            if score and raw
        ]

    async def _show_waiting(self, workspace: str, visitor: str) -> AsyncIterator[Kept]:
        """Show the causes and deliveries that name a visitor, those of the logs first."""
        shown: set[str] = set()
        for endpoint, name in await self._logged_of(workspace, visitor):
            home = self._keys.partition(workspace)
            key = self._keys.of_workspace(home, "dh", workspace, endpoint)
            row = await self._client.read(home, "HGET", key, name)
            if isinstance(row, bytes):
                shown.add(name)
                yield _delivery(unpack_row(row))
        for place in self._places_of(workspace, visitor):
            for name in await self._pending_of(place, workspace, visitor):
                key = self._keys.delivery_bodies(place)
                raw = await self._client.read(place, "HGET", key, name)
                if isinstance(raw, bytes) and name not in shown:
                    yield _delivery(unpack_delivery(raw))
            for name, body in await self._causes_of(place, workspace, visitor):
                yield Kept("cause", "", name, 0, body)


def _delivery(delivery: Delivery) -> Kept:
    return Kept("delivery", delivery.session, delivery.id, delivery.created_ms, delivery.body)
