"""Events that servers post of their visitors, and events of other systems that are passed on."""

import asyncio
from collections.abc import Iterable
from itertools import islice

import msgspec

from engine.causes import Cause, IntegrationEvent
from engine.events import Event
from engine.outbox.webhooks import FOREIGN_EVENTS, is_foreign_event
from engine.runtime_types import ClientContext, SessionView, Tracked
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from server.call import Call
from server.errors import ApiError
from server.ingest.server_events import Posted, integration_event, read_events
from server.wire.decoding import Reader, check_id, check_numbers, unknown_fields
from server.wire.envelope import Advice, Answer
from server.wire.server_events import (
    EVENTS_LEN_MAX,
    INTEGRATION_BYTES_MAX,
    EventsBody,
    EventsTaken,
    IntegrationBody,
    IntegrationTaken,
    RawEventsBody,
)
from server.wire.widgets import RejectedItem

VISITORS_AT_ONCE_MAX = 32
"""Sessions of one request whose events are committed at once; the others wait.
test_more_visitors_than_are_taken_at_once_are_all_taken"""

WARNINGS_MAX = 20
"""Unknown fields of events that one answer names. test_unknown_fields_of_events_are_named_up_to_a_limit"""

_CALL_OVER = "call.completed"
_events_reader = Reader(RawEventsBody)
_integration_reader = Reader(IntegrationBody)


async def post_events(call: Call) -> Answer:
    """Take events of visitors, each by itself; those of one session together, in their order."""
    body, warnings = call.read(_events_reader)
    if not body.events:
        raise ApiError("too_short", "events is empty; send 1 to 500", field="events")
    if len(body.events) > EVENTS_LEN_MAX:
        words = f"events has {len(body.events)} items; {EVENTS_LEN_MAX} are allowed"
        raise ApiError("batch_too_long", words, field="events")
    warnings += ignored_in_items(call.body)
    posted, rejected = read_events(body.events, call.now_ms)
    told = [tracked for tracked in await _take_all(call, posted, rejected) if tracked]
    rejected.sort(key=lambda item: item.index)
    metrics = call.services.metrics
    metrics.count_rejected(len(rejected))
    if not told:
        rows = [msgspec.structs.asdict(item) for item in rejected]
        raise ApiError("invalid_events", field="events", details={"rejected": rows})
    accepted = sum(tracked.accepted for tracked in told)
    duplicates = sum(tracked.duplicates for tracked in told)
    metrics.count_events(accepted, duplicates)
    return call.success(EventsTaken(accepted, duplicates, tuple(rejected)), warnings)


async def post_integration_event(call: Call) -> Answer:
    """Pass an event of another system on to webhooks, and to the rules of the visitor it is about."""
    body, warnings = call.read(_integration_reader)
    _check(body)
    view = await _meant(call, body)
    event_id = call.make_id("evt")
    event = integration_event(body, event_id, call.now_ms)
    cause = Cause(
        id=event_id,
        at_ms=event.at_ms,
        workspace=call.workspace.id,
        body=IntegrationEvent(body.event, body.data),
        visitor=view.ref.visitor if view else body.visitor_id or "",
        session=view.ref.session if view else "",
        source=view.source if view else "",
    )
    await call.services.runtime.tell([cause])
    if view is not None and body.event == _CALL_OVER:
        await call.services.voice.returned(view.ref)
    if view is not None and view.status != "closed":
        await call.services.runtime.note(view.ref, [event])
    elif body.visitor_id is not None and body.session_id is None:
        ref = SessionRef(call.workspace.id, body.visitor_id, call.services.ids.make("chat"))
        source = call.workspace.sites[0].source_id
        await call.services.runtime.track(ref, source, [event], ClientContext())
    endpoints = call.services.webhooks.endpoints
    subscribers = await endpoints.subscribers(call.workspace.id, body.event)
    taken = IntegrationTaken(event_id, subscribers)
    return call.success(taken, warnings)


# ---- events of visitors


def ignored_in_items(body: bytes) -> list[Advice]:
    """Warn of fields of events that nobody knows, a bounded number of them."""
    names = (name for name in unknown_fields(EventsBody, body) if name.startswith("events["))
    return [
        Advice("unknown_field", f"{name} is not a field of this request; it was ignored", name)
        for name in islice(names, WARNINGS_MAX)
    ]


async def _take_all(
    call: Call, posted: list[Posted], rejected: list[RejectedItem]
) -> list[Tracked | None]:
    """Commit the events by session, a bounded number of sessions at once."""
    groups: dict[tuple[str, str, str], list[Posted]] = {}
    for one in posted:
        # Ids are made in the order of the items, so that a repeat of the request makes them again.
        event_id = one.event.id or call.make_id("evt")
        event = msgspec.structs.replace(one.event, id=event_id)
        item = one.item
        place = (item.visitor_id, item.session_id or "", item.source_id or "")
        groups.setdefault(place, []).append(Posted(one.index, item, event))
    room = asyncio.Semaphore(VISITORS_AT_ONCE_MAX)
    by_visitor: dict[str, list[list[Posted]]] = {}
    for (visitor, _, _), group in groups.items():
        by_visitor.setdefault(visitor, []).append(group)

    async def take(of_visitor: Iterable[list[Posted]]) -> list[Tracked | None]:
        # One visitor's groups one after the other: the first may make the session of the next.
        async with room:
            return [await _take(call, group, rejected) for group in of_visitor]

    works = [asyncio.ensure_future(take(groups)) for groups in by_visitor.values()]
    # All of them end before the request does, also when the store refuses one.
    await asyncio.gather(*works, return_exceptions=True)
    return [tracked for work in works for tracked in work.result()]


async def _take(call: Call, group: list[Posted], rejected: list[RejectedItem]) -> Tracked | None:
    """Commit the events of one session; None when they were all rejected."""
    item, workspace = group[0].item, call.workspace
    try:
        view = await _session(call, item.visitor_id, item.session_id, item.source_id)
        source = view.source if view else item.source_id or workspace.sites[0].source_id
        events = [one.event for one in group]
        await _check_consent(call, item.visitor_id, source, events)
    except ApiError as error:
        rejected.extend(RejectedItem(one.index, error.field, error.reason) for one in group)
        return None
    ref = SessionRef(workspace.id, item.visitor_id, call.services.ids.make("chat"))
    client = ClientContext()
    if view is not None:
        ref = view.ref
        read = await call.services.runtime.read(ref)
        # A server knows nothing of the browser's privacy signal: it stays as it is.
        client = ClientContext(gpc=read is not None and read[0].has_opted_out)
    return await call.services.runtime.track(ref, source, events, client)


async def _session(
    call: Call, visitor: str, session_id: str | None, source: str | None
) -> SessionView | None:
    """Return the live session that events belong to; None where a new one is to begin.

    Raises ApiError: session_not_found, visitor_mismatch, session_closed, source_not_found.
    """
    runtime, workspace = call.services.runtime, call.workspace
    if source is not None and workspace.site(source) is None:
        raise ApiError("source_not_found", field="source_id")
    if session_id is not None:
        view = await _view(call, session_id)
        if view.ref.visitor != visitor:
            raise ApiError("visitor_mismatch", field="visitor_id")
        if view.status == "closed":
            raise ApiError("session_closed", field="session_id")
        return view
    ref = await runtime.latest_session(workspace.id, visitor)
    known = None if ref is None else await runtime.view(ref)
    return known if known is not None and source in (None, known.source) else None


async def _view(call: Call, session_id: str) -> SessionView:
    runtime = call.services.runtime
    ref = await runtime.find(call.workspace.id, session_id)
    view = None if ref is None else await runtime.view(ref)
    if view is None:
        raise ApiError("session_not_found", field="session_id")
    return view


async def _check_consent(call: Call, visitor: str, source: str, events: list[Event]) -> None:
    """Refuse what a site keeps of nobody who has not agreed; what tells of the consent is kept."""
    site = call.workspace.site(source)
    if site is None or site.consent != "required":
        return
    if any(event.name == "consent" for event in events):
        return
    record = await call.services.store.visitor(call.workspace.id, visitor)
    if record is None or decode_profile(record.profile).consent != "granted":
        raise ApiError("no_consent", field="visitor_id")


# ---- events of other systems


def _check(body: IntegrationBody) -> None:
    if not is_foreign_event(body.event):
        names = ", ".join(sorted(FOREIGN_EVENTS))
        raise ApiError("unknown_event", f"event is one of {names}, custom.<name>", field="event")
    for name in ("session_id", "visitor_id"):
        value = getattr(body, name)
        if value is not None:
            check_id(value, name)
    check_numbers(body.data, "data")
    size = len(msgspec.json.encode(body.data))
    if size > INTEGRATION_BYTES_MAX:
        words = f"data has {size} bytes as JSON; {INTEGRATION_BYTES_MAX} are allowed"
        raise ApiError("too_long", words, field="data")


async def _meant(call: Call, body: IntegrationBody) -> SessionView | None:
    """Return the session that an event is about, an ended one too when it is named."""
    if body.session_id is not None:
        view = await _view(call, body.session_id)
        if body.visitor_id not in (None, view.ref.visitor):
            raise ApiError("visitor_mismatch", field="visitor_id")
        return view
    if body.visitor_id is None:
        return None
    return await _session(call, body.visitor_id, None, None)
