"""What other workers change while this one serves: keys, rules and endpoints in force here within a second."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from engine.errors import StoreUnavailable
from engine.stores.base import Store
from server.log_format import LOGGER

POLL_EVERY_S = 0.5

Reload = Callable[[str], Awaitable[None]]
"""Reads again what is in force in a workspace; safe at any time, and twice."""


class ChangeWatch:
    """Asks a shared store what was written, and lets those who keep copies read them again."""

    def __init__(
        self, store: Store, workspaces: Sequence[str], reloads: Mapping[str, Reload]
    ) -> None:
        """Watch documents of `workspaces`; `reloads` names by their kind who keeps copies of them."""
        self._store = store
        self._workspaces = tuple(workspaces)
        self._reloads = reloads
        self._heard: dict[tuple[str, str], int] = {}

    async def run(self) -> None:
        """Look every half second until cancelled; a store that is away is asked again."""
        while True:
            with suppress(StoreUnavailable):
                await self.look()
            await asyncio.sleep(POLL_EVERY_S)

    async def look(self) -> None:
        """Ask once, and reload what changed; what cannot be read now is read at the next look.

        The first look takes everything that was ever written as a change: what was written between the
        start's own reading and now is not missed.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        numbers = await self._store.changes(self._workspaces)
        for place, number in numbers.items():
            workspace, kind = place
            reload = self._reloads.get(kind)
            # Not only a higher number: after a fail-over a store may know less than before.
            if reload is not None and self._heard.get(place, 0) != number:
                await _reload(reload, workspace, kind)
                self._heard[place] = number


async def _reload(reload: Reload, workspace: str, kind: str) -> None:
    """Read again; what a copy is wrong with is logged once and keeps no other from being read."""
    try:
        await reload(workspace)
    except StoreUnavailable:
        raise
    except Exception:  # noqa: BLE001  # whatever it was, serving goes on with the copy of before
        LOGGER.exception("%s of %s changed and could not be read", kind, workspace)
