"""Voice calls that begin in the widget: a number is lent, so that the call that comes in is known."""

from engine.conversations.voice import voice_started
from engine.runtime_types import SessionView
from server.access.widget_access import admit
from server.call import Call
from server.errors import ApiError
from server.ingest.client import client_of
from server.widget_visits import Visit, arrive, check_consent, live_session
from server.wire.decoding import Reader, check_id
from server.wire.envelope import Answer
from server.wire.voice import VoiceBody, VoiceReply
from server.workspace_settings import Assistant, Workspace

_reader = Reader(VoiceBody)


async def start_voice(call: Call) -> Answer:
    """Lend a telephone number to the widget's session; the visitor counts as engaged."""
    access, body = admit(call, _reader)
    check_id(body.session_id, "sessionId")
    services, workspace = call.services, access.workspace
    view = await live_session(services, access, body.session_id)
    assistant = _assistant(workspace, body.assistant_id, view)
    if not workspace.voice.numbers:
        raise ApiError("voice_not_configured")
    visit = Visit(
        access=access,
        alias=body.session_id,
        view=view,
        visitor=None,
        client=client_of(services.config.privacy, call.headers, None),
        assistant=body.assistant_id or "",
    )
    await check_consent(services, visit)
    ref = await arrive(services, visit)
    lease = await services.voice.lend(ref)
    assert lease is not None, "a workspace with numbers has a pool"
    await services.runtime.note(ref, (voice_started(lease, call.now_ms),))
    now = await services.runtime.view(ref)
    assert now is not None, "a session in which something was noted is there"
    return call.whole(
        VoiceReply(
            conversation_id=now.conversation,
            assistant_id=assistant.id,
            phone_number=lease.number,
        )
    )


def _assistant(workspace: Workspace, wanted: str | None, view: SessionView | None) -> Assistant:
    """Return who is called: whom the request names, else the session's own, else the primary one.

    Raises ApiError: assistant_not_found, no_assistant.
    """
    if not workspace.assistants:
        raise ApiError("no_assistant")
    named = workspace.assistant(wanted) if wanted is not None else None
    if wanted is not None and named is None:
        raise ApiError("assistant_not_found", field="assistantId")
    own = workspace.assistant(view.assistant) if view is not None else None
    found = named or own or workspace.primary_assistant
    assert found is not None, "one of several assistants is the primary one"
    return found
