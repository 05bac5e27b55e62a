"""Messages of Segment's and RudderStack's clients -> canonical events, and whose they are (API.md 8.1, 8.3)."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from engine.events import Event, Origin
from server.errors import ApiError
from server.ingest.arrivals import Arrival, Unfit, Whose
from server.ingest.client_clocks import ClientClocks
from server.ingest.event_ids import can_be_id, event_id, event_ids, id_text
from server.ingest.nobody import names_nobody
from server.ingest.segment_events import event_of
from server.ingest.segment_items import GoodItems, good_items
from server.ingest.segment_times import all_told_ms, ms_of, told_ms
from server.ingest.segment_words import SAYINGS, Said, Saying, alias
from server.wire.rejections import RejectedArrival
from server.wire.segment import (
    EVENT_BYTES_MAX,
    ITEMS_MAX,
    REJECTED_LEN_MAX,
    ClientId,
    Context,
    Message,
    Named,
)
from server.wire.tolerant import TolerantReader

AGENT_CHARS_MAX = 512
"""A longer browser's name is cut. test_what_a_context_says_of_a_browser_is_kept_where_it_fits"""

CONTEXT_CHARS_MAX = 64
"""A longer time zone or language is left out. test_what_a_context_says_of_a_browser_is_kept_where_it_fits"""

PEOPLE_LEN_MAX = 4_096
"""Ids of people that were found to be ones; a further one is looked at again."""

_NO_CONTEXT = Context()
_MERGE = "merge"
_SERVER = "\x1fserver"

_SAID_ALONE: Mapping[str, Saying] = {kind: say for kind, say in SAYINGS.items() if say is not alias}
"""What is said by messages that join no ids."""

_reader = TolerantReader(Message)
_named_reader = TolerantReader(Named)


class Reception(msgspec.Struct, frozen=True):
    """What holds of all items of a request.

    `type` is that of items which name none, `anonymous` their visitor. `sent_ms` is when the client sent
    the request, by its own clock. `is_browser`: a page's browser sent it, and no server.
    """

    workspace: str
    now_ms: int
    type: str = ""
    anonymous: str = ""
    sent_ms: int | None = None
    context: Context | None = None
    user_agent: str = ""
    is_browser: bool = False


Understood = tuple[list[Arrival], list[RejectedArrival]]
"""The arrivals of a request, and the bad ones among its items."""


def understand(
    items: GoodItems | Sequence[msgspec.Raw], reception: Reception, clocks: ClientClocks
) -> Understood:
    """Turn the items of a request into arrivals, in their order; bad ones are listed by their index.

    Mostly they can be understood together, which costs half; otherwise each by itself.
    """
    good = items if isinstance(items, GoodItems) else good_items(items)
    arrivals = None if good is None else _together(good, reception, clocks)
    if arrivals is not None:
        return arrivals, []
    raws = items.one_by_one() if isinstance(items, GoodItems) else items
    return _one_by_one(raws, reception, clocks)


# ---- all at once


def _together(items: GoodItems, reception: Reception, clocks: ClientClocks) -> list[Arrival] | None:
    """Understand items as `_one_by_one` does; None, with the clocks as they were, where one is unusual."""
    if reception.context is not None and reception.context != _NO_CONTEXT:
        return None
    messages = items.messages
    contexts = [message.context or _NO_CONTEXT for message in messages]
    starts = _starts(messages, contexts)
    people = [_whose(messages[start], contexts[start], reception) for start in starts]
    times = all_told_ms(messages) if all(whose.visitor for whose in people) else None
    origins: list[Origin] = ["rudder" if message.channel else "segment" for message in messages]
    said = None if times is None else _all_said(messages, contexts, reception, origins)
    if times is None or said is None:
        return None
    ids = event_ids([message.message_id for message in messages], origins)
    ends = [*starts[1:], len(messages)]
    ours: list[int] = []
    for whose, start, end in zip(people, starts, ends, strict=True):
        device, sent_ms = _clock_of(whose, messages[start], reception)
        ours += clocks.corrected_in_turn(
            reception.workspace, device, times[start:end], sent_ms, reception.now_ms
        )
    stamps = zip(ids, ours, times, origins, strict=True)
    events = list(map(event_of, messages, contexts, said, stamps))
    arrivals: list[Arrival] = []
    share_bytes = items.size_bytes // len(messages)
    for whose, start, end in zip(people, starts, ends, strict=True):
        own, size_bytes = events[start:end], share_bytes * (end - start)
        if not (arrivals and arrivals[-1].take(whose, own, size_bytes)):
            arrivals.append(_arrival(whose, own, contexts[start], reception, size_bytes))
    return arrivals


def _starts(messages: Sequence[Message], contexts: Sequence[Context]) -> list[int]:
    """Return where messages begin that are of another sender, visit or sending than the one before."""
    senders = [
        (one.anonymous_id, one.user_id, one.channel, one.sent_at, context.session_id)
        for one, context in zip(messages, contexts, strict=True)
    ]
    if senders.count(senders[0]) == len(senders):
        return [0]
    return [0, *(n for n in range(1, len(senders)) if senders[n] != senders[n - 1])]


def _all_said(
    messages: Sequence[Message],
    contexts: Sequence[Context],
    reception: Reception,
    origins: Sequence[Origin],
) -> list[Said] | None:
    """Return what each message says; None where one joins ids, or says nothing that can be taken."""
    try:
        return [
            _SAID_ALONE[message.type or reception.type](message, context, origin)
            for message, context, origin in zip(messages, contexts, origins, strict=True)
        ]
    except (ApiError, Unfit, KeyError):
        return None


# ---- each by itself


def _one_by_one(
    items: Sequence[msgspec.Raw], reception: Reception, clocks: ClientClocks
) -> Understood:
    """Understand any items."""
    arrivals: list[Arrival] = []
    rejected: list[RejectedArrival] = []
    for index, raw in enumerate(items[:ITEMS_MAX]):
        try:
            _take(arrivals, raw, reception, clocks)
        except (ApiError, Unfit) as error:
            if len(rejected) < REJECTED_LEN_MAX:
                rejected.append(RejectedArrival(index, _name_of(raw), error.reason))
    room = REJECTED_LEN_MAX - len(rejected)
    for index, raw in enumerate(items[ITEMS_MAX : ITEMS_MAX + room], ITEMS_MAX):
        rejected.append(RejectedArrival(index, _name_of(raw), "batch_too_long"))
    return arrivals, rejected


def _take(
    arrivals: list[Arrival], raw: msgspec.Raw, reception: Reception, clocks: ClientClocks
) -> None:
    """Add what an item says; nothing for one that is accepted and dropped.

    Raises Unfit, ApiError.
    """
    size_bytes = len(raw)
    if size_bytes > EVENT_BYTES_MAX:
        raise Unfit("event_too_large")
    message = _reader.read_part(raw)
    say = SAYINGS.get(message.type or reception.type) or _seldom_said(message, reception)
    if say is None:
        return
    context = message.context or _NO_CONTEXT
    if reception.context is not None:
        context = _merged(context, reception.context)
    whose = _whose(message, context, reception)
    if not whose.visitor:
        raise Unfit("missing_identity")
    if say is alias:
        whose = _joined(message, whose)
    origin = _origin(message)
    at_ms, client_ms = reception.now_ms, told_ms(message)
    if client_ms is not None:
        device, sent_ms = _clock_of(whose, message, reception)
        at_ms = clocks.corrected(reception.workspace, device, client_ms, sent_ms, reception.now_ms)
    said = say(message, context, origin)
    stamp = event_id(message.message_id, origin), at_ms, client_ms or 0, origin
    event = event_of(message, context, said, stamp)
    if not (arrivals and arrivals[-1].take(whose, [event], size_bytes)):
        arrivals.append(_arrival(whose, [event], context, reception, size_bytes))


def _seldom_said(message: Message, reception: Reception) -> Saying | None:
    """Return what a type in capitals says; None for the one that is dropped.

    Raises Unfit.
    """
    kind = (message.type or reception.type).lower()
    if kind == _MERGE:
        return None
    if kind not in SAYINGS:
        raise Unfit("unknown_type" if kind else "required")
    return SAYINGS[kind]


def _merged(own: Context, batch: Context) -> Context:
    """Put the context of a batch under an item's own; a batch is nobody's, so it tells no traits."""
    told = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
    return msgspec.structs.replace(batch, **{"traits": None, **told})


def _name_of(raw: msgspec.Raw) -> str | None:
    """Return the message id of a bad item, where it has one."""
    try:
        name = _named_reader.read(bytes(raw)).message_id
    except ApiError:
        return None
    return _fit_id(name) or None


# ---- whose an item is, and when it was


def _whose(message: Message, context: Context, reception: Reception) -> Whose:
    """Say whose a message is; of nobody is one whose visitor is ""."""
    user = person_of(message.user_id) if message.user_id is not None else ""
    anonymous = person_of(message.anonymous_id) if message.anonymous_id is not None else ""
    visit = _fit_id(context.session_id) if context.session_id is not None else ""
    return Whose(anonymous or reception.anonymous or user, user, visit)


@lru_cache(maxsize=PEOPLE_LEN_MAX)
def person_of(value: str | int) -> str:
    """Return the id of a person; "" for one that cannot be kept, or that stands for nobody."""
    text = _fit_id(value)
    return "" if names_nobody(text) else text


def _joined(message: Message, whose: Whose) -> Whose:
    """Say whom an alias is about from now on, and under which id until now.

    Raises Unfit.
    """
    user = whose.user
    former = person_of(message.previous_id) if message.previous_id is not None else ""
    former = former or (whose.visitor if whose.visitor != user else "")
    if not (user and former):
        raise Unfit("required")
    return Whose(user, user, whose.visit, former if former != user else "")


def _fit_id(value: ClientId) -> str:
    """Return an id as text; "" for one that cannot be kept."""
    text = id_text(value)
    return text if can_be_id(text) else ""


def _origin(message: Message) -> Origin:
    return "rudder" if message.channel else "segment"


def _clock_of(whose: Whose, message: Message, reception: Reception) -> tuple[str, int | None]:
    """Return whose clock a message tells, and when it was sent by it; a server's is not its visitors'."""
    device = whose.visitor if reception.is_browser else whose.visitor + _SERVER
    return device, ms_of(message.sent_at) if reception.sent_ms is None else reception.sent_ms


def _arrival(
    whose: Whose, events: list[Event], context: Context, reception: Reception, size_bytes: int
) -> Arrival:
    """Say of events whose they are, and what the first one's context says of the browser."""
    zone, locale = context.timezone or "", context.locale or ""
    return Arrival(
        whose.visitor,
        events,
        whose.user,
        whose.visit,
        whose.former,
        (context.user_agent or reception.user_agent)[:AGENT_CHARS_MAX],
        zone if "/" in zone and len(zone) <= CONTEXT_CHARS_MAX else "",
        locale if len(locale) <= CONTEXT_CHARS_MAX else "",
        size_bytes,
    )
