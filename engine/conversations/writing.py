"""What assistants are writing now, told to whoever listens: here at once, at other workers as it gets through."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from engine.errors import StoreUnavailable
from engine.runtime import Runtime
from engine.stores.base import SessionRef

LISTENERS_MAX = 32
"""Listeners of one session; with one more the first hears no more, the whole message still comes to it."""

TO_SEND_MAX = 64
"""Pieces of one session that wait to be sent to other workers; a further one is left out."""

ALONE_S = 1.0
"""How long nothing more is sent of a session that has sockets at no other worker; what comes then is together."""

_log = logging.getLogger("opportune.answers")


class Typing(msgspec.Struct, frozen=True, tag="typing"):
    """The assistant begins to write, or stops."""

    is_writing: bool


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """The next piece of the message `id`, which follows whole."""

    id: str
    text: str


Hear = Callable[[Typing | Delta], None]
"""Called on the loop; it returns at once and raises nothing."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Typing | Delta]).decode


class Writing:
    """Passes on what is being written in sessions. None of it is kept: the whole message follows."""

    def __init__(self, runtime: Runtime) -> None:
        """Tell other workers, and hear of them, through `runtime`."""
        self._runtime = runtime
        self._listeners: dict[SessionRef, list[Hear]] = {}
        self._to_send: dict[SessionRef, list[Typing | Delta]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        runtime.on_whisper(self._hear)

    def listen(self, ref: SessionRef, hear: Hear) -> Callable[[], None]:
        """Hear what is being written in a session; call what is returned to hear no more."""
        listeners = self._listeners.setdefault(ref, [])
        listeners.append(hear)
        del listeners[:-LISTENERS_MAX]

        def leave() -> None:
            if hear in listeners:
                listeners.remove(hear)
            if not listeners and self._listeners.get(ref) is listeners:
                del self._listeners[ref]

        return leave

    def tell(self, ref: SessionRef, what: Typing | Delta) -> None:
        """Tell those who listen to a session, those at other workers soon."""
        self._tell_here(ref, what)
        if not self._runtime.is_shared:
            return
        waiting = self._to_send.get(ref)
        if waiting is not None:
            _add(waiting, what)
            return
        self._to_send[ref] = [what]
        task = asyncio.create_task(self._send(ref))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def stop(self) -> None:
        """Send nothing more."""
        sending = tuple(self._sending)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    # ---- inside

    def _tell_here(self, ref: SessionRef, what: Typing | Delta) -> None:
        for hear in tuple(self._listeners.get(ref, ())):
            hear(what)

    def _hear(self, ref: SessionRef, body: bytes) -> None:
        """Take what another worker tells."""
        if ref not in self._listeners:
            return
        try:
            pieces = _decode(body)
        except msgspec.DecodeError:
            _log.warning("another worker writes what cannot be read here")
            return
        for what in pieces:
            self._tell_here(ref, what)

    async def _send(self, ref: SessionRef) -> None:
        """Send what waits of a session, one whisper after the other, until nothing does."""
        waiting = self._to_send[ref]
        try:
            while waiting:
                body = _encode(waiting)
                waiting.clear()
                if not await self._runtime.whisper(ref, body):
                    await asyncio.sleep(ALONE_S)
        except StoreUnavailable:
            # What waits is lost with it; the whole message comes when there is a store.
            pass
        finally:
            del self._to_send[ref]


def _add(waiting: list[Typing | Delta], what: Typing | Delta) -> None:
    """Let a piece wait; one that goes on with the last one is put to it."""
    last = waiting[-1] if waiting else None
    if isinstance(last, Delta) and isinstance(what, Delta) and last.id == what.id:
        waiting[-1] = Delta(what.id, last.text + what.text)
    elif len(waiting) < TO_SEND_MAX:
        waiting.append(what)
