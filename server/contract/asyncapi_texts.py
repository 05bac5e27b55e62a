"""The words of the AsyncAPI document: what each frame is for, what a notice holds, why a socket closes."""

from collections.abc import Mapping

INTRODUCTION = """\
Two sockets with JSON text frames, each an object with a `type`. The client authenticates with its first
frame within 5 seconds; a frame holds 64 KB at most. Frames of a type that the reader does not know are
ignored. The HTTP API is in [/openapi.json](/openapi.json).
"""

CLOSE_CODES: Mapping[int, str] = {
    1000: "Done.",
    1001: "The server goes away.",
    1009: "A frame was larger than is read at all.",
    1011: "The server failed; reconnect.",
    1012: "The server restarts: reconnect after 0.5 to 5 s, at random.",
    4400: "Malformed: no JSON object with a type, a binary frame, or one that is too large.",
    4401: "Not authenticated, not within 5 s, or the token expired.",
    4403: "The Origin is not allowed, or the session is another visitor's.",
    4404: "No such session.",
    4408: "No pong came.",
    4409: "Replaced: too many sockets; the oldest closes.",
    4410: "The session closed, or its visitor was erased.",
    4413: "The client reads too slowly.",
    4503: "The store is unavailable.",
}
"""What a client reads from the code of a close; it comes back on all but 1000 and 4400 to 4404, 4410."""

FRAMES: Mapping[str, str] = {
    "auth": "Says who the client is, and where it stopped reading.",
    "message": "Words in the conversation.",
    "displayed": "The message is on a visible screen.",
    "read": "The message was on a visible screen for a second.",
    "dismissed": "The visitor closed the message.",
    "reply_clicked": "The visitor clicked a quick reply.",
    "typing": "Somebody began or stopped to write.",
    "track": "Events of the visitor, as items of a batch.",
    "page": "The page changed without a load.",
    "visibility": "The tab was hidden or shown.",
    "book": "The visitor chose a slot.",
    "ping": "Asks for a `pong` with the same id.",
    "hello": "Greets an authenticated client; what it missed follows.",
    "event": "Something that happened in the conversation.",
    "message_ack": "The client's message is stored.",
    "delta": "The next piece of a message that is being written.",
    "track_ack": "What became of the events of a `track`.",
    "pong": "Answers a `ping`.",
    "error": "What was wrong with a frame; the socket stays open.",
    "subscribe": "What the dashboard wants to hear from now on.",
    "auth:ok": "Greets an authenticated dashboard; what it missed follows.",
    "subscribe:ok": "Answers `subscribe`.",
    "resync": "Events are missing for good: load everything over HTTP.",
}

EVENTS: Mapping[str, str] = {
    "conversation:new": "A conversation was created.",
    "conversation:updated": "A conversation changed.",
    "conversation:qualified": "A conversation qualified.",
    "message:new": "A message in a conversation, or a proactive one that was displayed.",
    "decision:new": "A proactive message was sent, held or held out.",
    "session:queued": "A session waits for its assistant.",
    "appointment:new": "An appointment was booked.",
    "rules:published": "A rule set has a new live version.",
    "webhook:failing": "Deliveries to a webhook endpoint fail.",
    "visitor:updated": "A visitor as of now.",
    "visitor:typing": "A visitor types, or stopped.",
    "campaign:progress": "The counts of a campaign.",
    "stats:tick": "The workspace's figures of this moment.",
}

NOTICES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "appointment_scheduled": (
        ("appointment_id", "date", "time"),
        "An appointment was booked in this session.",
    ),
    "session_status": (("status",), "The session is active, queued or closed."),
    "handoff": (("team",), "A person takes over."),
    "message_withdrawn": (("message_id",), "A message that nobody saw was taken back."),
    "message_status": (
        ("message_id", "status", "outcome"),
        "A message moved on, in this tab or another; `status` is the word that its frame has.",
    ),
    "action": (
        ("message_id", "action"),
        "What a clicked reply asks of the widget: open a URL, show slots or a form, call a number.",
    ),
}
"""What the `data` of each notice always holds, and what it tells."""
