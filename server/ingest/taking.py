"""Events of other tools' clients into sessions: whose they are, whether they may be kept, and the commit."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from engine.events import Event
from engine.identity import join_visitors, proven_user
from engine.runtime_types import ClientContext, Tracked
from engine.stores.base import SessionRef
from engine.stores.codec import decode_profile
from server.access.auth import WidgetAccess
from server.admission import Admission, Place, rank_of
from server.ingest.arrivals import RUN_BYTES_MAX, RUN_LEN_MAX, Arrival, TakenIn
from server.ingest.consent import is_guarded, kept_of, says_granted
from server.known_users import join_known, tell_known
from server.services import Services
from server.widget_visits import USER_ID, profile_of

VISITORS_AT_ONCE_MAX = 32
"""Visitors of one request whose events are committed at once; the others wait.
test_a_batch_of_many_visitors_is_taken_whole"""


VISIT_CHARS_MIN = 32
"""A client's id of a visit that is as long as this is no other visitor's: whoever names it is in that session.
test_a_long_id_of_a_visit_leads_to_it_under_every_name"""


class Sender(msgspec.Struct, frozen=True):
    """Whose request it is. `gpc` None: not a browser's, so that it says nothing of the privacy signal.

    `vouches`: the sender is the site's own server, and whom it calls a user is that user.
    """

    access: WidgetAccess
    gpc: bool | None = None
    vouches: bool = False


class Run(msgspec.Struct):
    """Arrivals that follow each other in one session of one visitor; `user` is the first that one of them names."""

    first: Arrival
    events: list[Event]
    user: str
    size_bytes: int

    @classmethod
    def begin(cls, first: Arrival) -> "Run":
        """Begin a run with an arrival, whose events it takes over."""
        run = cls(first, first.events, first.user, first.size_bytes)
        first.events = []
        return run

    def goes_on(self, arrival: Arrival) -> bool:
        """Tell whether an arrival is of the same session, and one commit takes it too."""
        first, events = self.first, len(self.events) + len(arrival.events)
        is_same = arrival.visitor == first.visitor and arrival.visit == first.visit
        is_small = self.size_bytes + arrival.size_bytes <= RUN_BYTES_MAX and events <= RUN_LEN_MAX
        return is_same and is_small and not arrival.former

    def add(self, arrival: Arrival) -> None:
        """Put an arrival behind the others; its events are the run's from now on."""
        self.events += arrival.events
        arrival.events = []
        self.user = self.user or arrival.user
        self.size_bytes += arrival.size_bytes


async def take(
    services: Services, sender: Sender, arrivals: Sequence[Arrival], size_bytes: int
) -> TakenIn:
    """Commit the events of a request, those of one person in their order; returns after the last commit.

    Args:
        arrivals: their events are taken out of them.
        size_bytes: of the request's body, decompressed.

    Raises:
        ApiError: queue_full, with nothing done.
        StoreUnavailable: some may be done; the same ids may be sent again.
    """
    if not arrivals:
        return TakenIn(0, 0)
    admission = services.admission
    place = _enter(admission, arrivals, size_bytes)
    try:
        told = await _take_people(Taking(services, sender), arrivals)
    finally:
        admission.leave(place)
    accepted = sum([tracked.accepted for tracked in told])
    duplicates = sum([tracked.duplicates for tracked in told])
    services.metrics.count_events(accepted, duplicates)
    return TakenIn(accepted, duplicates)


def _enter(admission: Admission, arrivals: Sequence[Arrival], size_bytes: int) -> Place:
    """Let a request in, by what it holds.

    Raises ApiError: queue_full.
    """
    events = list(chain.from_iterable(arrival.events for arrival in arrivals))
    return admission.enter(rank_of(events), len(events), size_bytes, arrivals[0].visitor)


async def _take_people(taking: "Taking", arrivals: Sequence[Arrival]) -> list[Tracked]:
    """Take the arrivals of each person one after the other, of several persons at once."""
    people = list(_people(arrivals))
    if len(people) == 1:
        return [await taking.take_run(run) for run in _runs(people[0])]
    room = asyncio.Semaphore(VISITORS_AT_ONCE_MAX)

    async def take_person(own: list[Arrival]) -> list[Tracked]:
        async with room:
            return [await taking.take_run(run) for run in _runs(own)]

    works = [asyncio.ensure_future(take_person(own)) for own in people]
    # All of them end before the request does, also when the store refuses one.
    await asyncio.gather(*works, return_exceptions=True)
    return [tracked for work in works for tracked in work.result()]


def _people(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Part arrivals by person; ids that some arrival calls the same one's are one person's."""
    first = arrivals[0]
    if all(one.visitor == first.visitor for one in arrivals):
        yield list(arrivals)
        return
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for one in arrivals:
        for same in (one.former, one.user):
            if same:
                leader[lead(same)] = lead(one.visitor)
    people: dict[str, list[Arrival]] = {}
    for one in arrivals:
        people.setdefault(lead(one.visitor), []).append(one)
    yield from people.values()


def _runs(arrivals: Sequence[Arrival]) -> Iterator[Run]:
    """Cut a person's arrivals where the visitor's id or the visit changes, two ids become one, or a run is full."""
    run: Run | None = None
    for one in arrivals:
        if run is not None and run.goes_on(one):
            run.add(one)
            continue
        if run is not None:
            yield run
        run = Run.begin(one)
    if run is not None:
        yield run


class Taking:
    """Takes the events of one request."""

    def __init__(self, services: Services, sender: Sender) -> None:
        """Take them for the site that the sender's key selects."""
        self._services = services
        self._sender = sender
        self._workspace = sender.access.workspace.id
        self._source = sender.access.site.source_id

    async def take_run(self, run: Run) -> Tracked:
        """Join what is to be joined, find the session, and commit what may be kept."""
        first, user = run.first, run.user
        client = self._client(first)
        events = await self._kept(run.events, first.visitor, client)
        if not events:
            return Tracked(0, 0, None)
        if first.former:
            await self._join(first)
        ref = await self._session(first.visitor, first.visit)
        is_claimed = bool(user) and await self._is_claim(ref, user)
        if is_claimed:
            named = {**events[0].attributes, USER_ID: user}
            events[0] = msgspec.structs.replace(events[0], attributes=named)
        knows_gpc = self._sender.gpc is not None
        tracked = await self._services.runtime.track(
            ref, self._source, events, client, knows_gpc=knows_gpc
        )
        if first.former:
            # What was sent under the id of before may come later.
            await self._route(first.former, first.visit, ref)
        if is_claimed:
            await self._follow_claim(ref, user, first.visitor)
        return tracked

    def _client(self, first: Arrival) -> ClientContext:
        return ClientContext(
            user_agent=first.user_agent,
            timezone=first.timezone,
            locale=first.locale,
            gpc=bool(self._sender.gpc),
        )

    # ---- what may be kept

    async def _kept(self, events: list[Event], visitor: str, client: ClientContext) -> list[Event]:
        """Leave what may be kept: all, unless consent is required, or the browser asks for privacy."""
        site = self._sender.access.site
        if not is_guarded(site, client) or says_granted(client, events):
            return events
        record = await self._services.store.visitor(self._workspace, visitor)
        return kept_of(events, None if record is None else decode_profile(record.profile).consent)

    # ---- whose session

    async def _session(self, visitor: str, visit: str) -> SessionRef:
        """Return the live session that a visitor's events belong to."""
        runtime, alias = self._services.runtime, self._alias(visitor, visit)
        ref = await runtime.find_in_hand(self._workspace, alias)
        if ref is not None:
            return ref
        known = None if visit else await runtime.know(self._workspace, visitor)
        # Of a stranger there is nothing to look for, and most who are new here are strangers.
        if known and known.record and await runtime.find(self._workspace, alias) is None:
            # A visitor who is here already, by another way in, goes on where they are.
            here = await runtime.latest_session(self._workspace, visitor, known)
            await self._route(visitor, visit, here)
        return await runtime.resolve(self._workspace, self._source, alias, visitor, known)

    def _alias(self, visitor: str, visit: str) -> str:
        # Ids of clients have no control characters: nobody can name a session like this.
        owner = "" if len(visit) >= VISIT_CHARS_MIN else visitor
        return f"\x1f{self._source}\x1f{owner}\x1f{visit}"

    async def _route(self, visitor: str, visit: str, here: SessionRef | None) -> None:
        """Let a visitor's id lead to a session that goes on, unless it leads to another that does."""
        runtime = self._services.runtime
        view = None if here is None else await runtime.view(here)
        if here is None or view is None or view.status == "closed" or view.source != self._source:
            return
        alias = self._alias(visitor, visit)
        ref = await self._services.store.resolve(alias, here)
        if ref == here:
            return
        known = await runtime.view(ref)
        if known is None or known.status == "closed":
            await self._services.store.resolve(alias, here, ended=ref.session)

    # ---- who it is

    async def _join(self, first: Arrival) -> None:
        """Make two ids one visitor, caps and all, and let the session that goes on be that one's."""
        runtime, former = self._services.runtime, first.former
        here = (
            await runtime.find(self._workspace, self._alias(former, first.visit)),
            await runtime.latest_session(self._workspace, former),
        )
        await join_visitors(self._services.store, self._workspace, first.visitor, former)
        for ref in here:
            await self._route(first.visitor, first.visit, ref)

    async def _is_claim(self, ref: SessionRef, user: str) -> bool:
        """Tell whether a user id is news of a visitor who has not proved another."""
        profile = await profile_of(self._services, ref)
        if profile.attrs.get(USER_ID) == user:
            return False
        return not await proven_user(self._services.store, self._workspace, profile)

    async def _follow_claim(self, ref: SessionRef, user: str, visitor: str) -> None:
        """Let the user's id alone lead to this session; one that a server vouches for is proven."""
        runtime, alias = self._services.runtime, self._alias(user, "")
        if user != visitor and await runtime.find(self._workspace, alias) != ref:
            await self._route(user, "", ref)
            # What it leads to is remembered, so that the next request need not ask the store.
            await runtime.resolve(self._workspace, self._source, alias, user)
        if self._sender.vouches:
            known = await join_known(self._services, self._workspace, user, ref.visitor)
            await tell_known(self._services, self._sender.access, ref, user, known)
