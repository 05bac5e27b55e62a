"""The endpoints of all workspaces: those of the configuration file and those that the API made."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import ATTEMPTS_MAX
from engine.outbox.endpoint import Endpoint, Known, Noted, known
from engine.stores.base import DocConflict, Store

ENDPOINTS_MAX = 20
"""Webhooks of a workspace, those of the file among them. test_a_workspace_has_twenty_webhooks"""

KINDS = frozenset({"webhook", "webhook_state"})
"""Kinds of documents that a change of an endpoint shows in."""

_KIND, _STATE = "webhook", "webhook_state"
_ROWS = 500
_RETRY_MS = 500

_encode = msgspec.msgpack.Encoder().encode
_decode_endpoint = msgspec.msgpack.Decoder(Endpoint).decode
_decode_noted = msgspec.msgpack.Decoder(Noted).decode


class TooManyEndpoints(Exception):
    """The workspace has as many endpoints as it may."""


class Endpoints:
    """Reads and changes endpoints over one store, and remembers those of each workspace it was asked for.

    What another worker changes is known here after `reload`.
    """

    def __init__(self, store: Store, of_file: Iterable[Endpoint]) -> None:
        """Keep endpoints in `store`; those of the file are as they are."""
        self._store = store
        self._of_file: dict[str, tuple[Endpoint, ...]] = {}
        for one in of_file:
            self._of_file[one.workspace] = (*self._of_file.get(one.workspace, ()), one)
        self._known: dict[str, Mapping[str, Known]] = {}
        self._reloads = 0

    # ---- looking

    async def takers(self, workspace: str) -> Mapping[str, Known]:
        """Return all that deliveries of a workspace go to by id: those of the file first, then the oldest."""
        found = self._known.get(workspace)
        return await self._load(workspace) if found is None else found

    async def taker(self, workspace: str, endpoint_id: str) -> Known | None:
        """Return what a delivery goes to, also when another worker made it a moment ago."""
        found = (await self.takers(workspace)).get(endpoint_id)
        return found or (await self._load(workspace)).get(endpoint_id)

    async def of_workspace(self, workspace: str) -> Mapping[str, Known]:
        """Return the webhooks of a workspace by id, in the order of `takers`; the API knows only these."""
        return _webhooks(await self.takers(workspace))

    async def find(self, workspace: str, endpoint_id: str) -> Known | None:
        """Return a webhook, also one that another worker made a moment ago."""
        found = await self.taker(workspace, endpoint_id)
        return found if found is not None and found.endpoint.form == "webhook" else None

    async def subscribers(self, workspace: str, event: str) -> int:
        """Count the webhooks that an event goes to."""
        return sum(one.wants(event) for one in (await self.of_workspace(workspace)).values())

    async def reload(self, workspace: str) -> None:
        """Learn what other workers changed, at the next look."""
        self._reloads += 1
        self._known.pop(workspace, None)

    # ---- what the owner changes

    async def create(self, endpoint: Endpoint) -> Known:
        """Keep a new endpoint; the same id again answers what was kept the first time.

        Raises:
            TooManyEndpoints: nothing is kept.
        """
        there = _webhooks(await self._load(endpoint.workspace))
        if endpoint.id not in there and len(there) >= ENDPOINTS_MAX:
            raise TooManyEndpoints
        body = _encode(endpoint)
        done = await self._store.put_doc(endpoint.workspace, _KIND, endpoint.id, body, 0)
        there = _webhooks(await self._load(endpoint.workspace))
        if not isinstance(done, DocConflict) and endpoint.id in tuple(there)[ENDPOINTS_MAX:]:
            # Others were made at the same moment: the youngest leave again.
            await self.remove(endpoint.workspace, endpoint.id)
            raise TooManyEndpoints
        return there.get(endpoint.id) or Known(endpoint)

    async def change(
        self, workspace: str, endpoint_id: str, alter: Callable[[Endpoint], Endpoint]
    ) -> Known | None:
        """Replace an endpoint of the API by what `alter` makes of it; None: there is none."""
        for _ in range(ATTEMPTS_MAX):
            doc = await self._store.get_doc(workspace, _KIND, endpoint_id)
            if doc is None:
                return None
            body = _encode(alter(_decode_endpoint(doc.body)))
            done = await self._store.put_doc(workspace, _KIND, endpoint_id, body, doc.version)
            if not isinstance(done, DocConflict):
                return (await self._load(workspace)).get(endpoint_id)
        raise StoreUnavailable("none", _RETRY_MS, "the endpoint changes too often")

    async def remove(self, workspace: str, endpoint_id: str) -> bool:
        """Forget an endpoint of the API; False: there is none."""
        is_there = False
        for kind in (_KIND, _STATE):
            for _ in range(ATTEMPTS_MAX):
                doc = await self._store.get_doc(workspace, kind, endpoint_id)
                if doc is None:
                    break
                is_there = is_there or kind == _KIND
                await self._store.put_doc(workspace, kind, endpoint_id, None, doc.version)
        await self._load(workspace)
        return is_there

    # ---- what the sender notes

    async def note(
        self, workspace: str, endpoint_id: str, alter: Callable[[Known], Noted]
    ) -> tuple[Known, Known] | None:
        """Replace what is noted of an endpoint; answers it before and after, None when it is gone.

        Nothing is written when it is noted already, as far as this worker knows.
        """
        before = await self.taker(workspace, endpoint_id)
        if before is None or alter(before) == before.noted:
            return None if before is None else (before, before)
        for _ in range(ATTEMPTS_MAX):
            doc = await self._store.get_doc(workspace, _STATE, endpoint_id)
            before = known(before.endpoint, None if doc is None else _decode_noted(doc.body))
            noted = alter(before)
            version = 0 if doc is None else doc.version
            if noted == before.noted or not isinstance(
                await self._store.put_doc(workspace, _STATE, endpoint_id, _encode(noted), version),
                DocConflict,
            ):
                after = known(before.endpoint, noted)
                there = await self.takers(workspace)
                self._known[workspace] = {**there, endpoint_id: after}
                return before, after
        raise StoreUnavailable("none", _RETRY_MS, "the endpoint's state changes too often")

    # ---- the store's side

    async def _load(self, workspace: str) -> Mapping[str, Known]:
        reloads = self._reloads
        made = await self._store.list_docs(workspace, _KIND, None, _ROWS)
        noted = {
            doc.name: _decode_noted(doc.body)
            for doc in await self._store.list_docs(workspace, _STATE, None, _ROWS)
        }
        own = sorted(
            (_decode_endpoint(doc.body) for doc in made), key=lambda one: (one.created_ms, one.id)
        )
        every = (*self._of_file.get(workspace, ()), *own)
        found = {one.id: known(one, noted.get(one.id)) for one in every}
        if reloads == self._reloads:
            # Else it changed while it was read: the next look reads it again.
            self._known[workspace] = found
        return found


def _webhooks(known: Mapping[str, Known]) -> Mapping[str, Known]:
    """Leave out what is no webhook."""
    return {name: one for name, one in known.items() if one.endpoint.form == "webhook"}
