"""The workspace of a key, as the key may see it."""

from server.call import Call
from server.wire.envelope import Answer
from server.wire.workspace import shown_workspace


async def get_workspace(call: Call) -> Answer:
    """Show what is configured: sites, assistants, calendars, limits."""
    usual = call.services.config.limits
    return call.success(shown_workspace(call.workspace, usual, call.now_ms))
