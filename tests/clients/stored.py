"""What our server keeps of a client's visit, asked over the platform's API."""

from tests.browser.backend import Backend, until


def stored_events(backend: Backend, *visitors: str) -> list[dict]:
    """Return the events of a person who may have gone by several ids, each as often as it is stored."""
    sessions: dict[str, list[dict]] = {}
    for visitor in visitors:
        told = backend.events(visitor)
        # Two ids of one person tell the same sessions.
        for session in {event["session_id"] for event in told} - sessions.keys():
            sessions[session] = [event for event in told if event["session_id"] == session]
    return [event for events in sessions.values() for event in events]


def stored_ids(backend: Backend, *visitors: str) -> list[str]:
    """Return the clients' own ids of a person's events, sorted; a doubled event stands there twice.

    What our server notes itself, such as the start of a session, has none.
    """
    stored = (event["event_id"] for event in stored_events(backend, *visitors))
    return sorted(filter(None, stored))


def spoken(backend: Backend, *visitors: str) -> str:
    """Wait until a rule has spoken to a person, and return what it said."""

    def look() -> list[str]:
        return [
            message["text"]
            for visitor in visitors
            for session in backend.call("GET", f"/v1/live-chat/sessions?visitor_id={visitor}")
            for message in backend.messages(session["session_id"])
            if message["kind"] == "proactive"
        ]

    return until(look)[0]
