"""Which session a repeated request made the first time, so that one Idempotency-Key makes one session."""

from engine.stores.base import SessionRef
from server.call import Call


async def session_to_make(call: Call, visitor: str | None) -> SessionRef:
    """Choose the ids of a session that this request makes; a repeat of it gets the same ones.

    The key stands for the session as a client's own session id does: ids of sessions keep sorting by
    when they were made, which ids derived from a key would not.
    """
    ids = call.services.ids
    fresh = SessionRef(call.workspace.id, visitor or ids.make("vis"), ids.make("chat"))
    if not call.repeat_key:
        return fresh
    # No client can send a control character in an id: this alias is nobody's own.
    alias = "\x1f" + call.make_id("opening")
    return await call.services.store.resolve(alias, fresh)
