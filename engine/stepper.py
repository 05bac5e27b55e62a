"""One step of one session against the store: load, step, commit, and again after a conflict.

The only place that turns a step's effect into a commit. What it returns is durable.
"""

import random
from asyncio import get_running_loop, sleep
from collections.abc import Callable, Sequence

import msgspec

from engine.clock import Clock
from engine.commits import Prepared, Taken, commit_of
from engine.effect import Effect
from engine.errors import StoreContended, StoreUnavailable
from engine.events import Event
from engine.hot import HotSession, HotSessions, Turns, Vacancies
from engine.late import revive
from engine.layouts import Layouts
from engine.limits import (
    ATTEMPTS_MAX,
    CACHE_SESSIONS_MAX,
    CONFLICT_PAUSE_MS,
    JOURNAL_ROWS_MAX,
    STORE_DEADLINE_MS,
)
from engine.migrate import has_new_registers, move_session
from engine.openings import begin_session, start_event
from engine.page_loads import PastLoads
from engine.profile import Profile
from engine.runtime_types import ClientContext
from engine.session import Session
from engine.step import Arrived, Input, Ordered, events_of, step
from engine.stores.base import (
    Capped,
    Commit,
    CommitAnswer,
    Committed,
    Conflict,
    Duplicate,
    Erased,
    Gone,
    Loaded,
    Seen,
    SessionRef,
    Store,
    VisitorRecord,
)
from engine.stores.codec import (
    decode_entry,
    decode_profile,
    decode_session,
)
from engine.workspace import Workspaces
from rules.compiler.program import Program

REPEAT_PAUSE_S = 0.05
"""How long it is waited before a commit is repeated whose answer was lost."""

OWN_COMMIT_MS_MAX = 250
"""How long after its own commit a worker takes it that no other worker has changed the session."""

# Asked at every step, where a union of types would be made anew each time.
_KEPT = (Committed, Duplicate)
_NOT_KEPT = (Gone, Erased)
_WITH_EVENTS = (Arrived, Ordered)


class Opens(msgspec.Struct, frozen=True):
    """How a session that does not exist yet begins."""

    source: str
    start_ms: int
    client: ClientContext
    assistant: str = ""
    made_by_widget: bool = True


class Done(msgspec.Struct, frozen=True):
    """A step that is durable, or that had nothing to do (`effect` empty).

    `is_erased`: the visitor was erased, nothing of the step is kept. `is_resync`: the sequence of messages
    began anew. `commit` is what was done, with an input of `input_type`; None when there was nothing to do.
    `follows`: this worker made the session's commit before it, too.
    """

    session: Session
    effect: Effect
    duplicates: int
    epoch: str
    created: bool = False
    is_erased: bool = False
    is_resync: bool = False
    follows: bool = False
    input_type: type[Input] | None = None
    commit: Commit | None = None


class Moment(msgspec.Struct, frozen=True):
    """A session in hand under its rules; `repeated` are foreign ids that the store has seen before.

    `past` is what earlier sessions of its visitor had of our own widget's page loads.
    """

    session: Session
    program: Program
    now_ms: int
    repeated: frozenset[int]
    past: PastLoads = {}


Prepare = Callable[[Moment], Prepared]
"""Says what to do with a session now; called again after a conflict."""

LetGo = Callable[[bytes], None]
"""Called with the journal entry of a commit that holds all that was prepared, before it is waited for."""


class Stepper:
    """Takes steps of sessions, one at a time each, and keeps those used last in hand."""

    def __init__(
        self, store: Store, clock: Clock, workspaces: Workspaces, secret: bytes, worker: str
    ) -> None:
        """Use a store, a clock and the live rules; `secret` signs ids, `worker` names this process."""
        self._store = store
        self._clock = clock
        self._workspaces = workspaces
        self._secret = secret
        self._layouts = Layouts(store)
        self._hot = HotSessions(CACHE_SESSIONS_MAX)
        self._vacancies = Vacancies()
        self._turns = Turns()
        self._jitter = random.Random(worker)  # noqa: S311  # spreads retries, guards nothing
        self._op_prefix = worker
        self._ops = 0
        self._is_shared = store.is_shared
        self.conflicts = 0

    @property
    def in_hand(self) -> int:
        """Return how many sessions are in hand."""
        return len(self._hot)

    async def read(
        self, ref: SessionRef, *, in_hand: bool = False
    ) -> tuple[HotSession, Program] | None:
        """Return a session as it is now under its live rules, or None when there is none.

        In a shared store it is read anew, because another worker may have committed; with `in_hand` what
        is in memory is good enough.
        """
        async with self._turns.take(ref):
            hot = self._in_hand(ref) if in_hand or not self._is_shared else None
            if hot is None and not self._is_known_absent(ref):
                hot = await self._load(ref)
            return None if hot is None else (hot, await self._current(ref, hot))

    def session_in_hand(self, ref: SessionRef) -> Session | None:
        """Return a session that is in memory, as it was committed last or is being changed.

        In a shared store another worker may have committed since.
        """
        hot = self._hot.get(ref)
        return None if hot is None else hot.session

    async def peek(self, ref: SessionRef) -> Session | None:
        """Return a session as it was committed last, whatever rules it is under."""
        hot = None if self._is_shared else self._hot.get(ref)
        if hot is None and not self._is_known_absent(ref):
            async with self._turns.take(ref):
                hot = None if self._is_shared else self._hot.get(ref)
                hot = hot or await self._load(ref)
        return None if hot is None else hot.session

    def _is_known_absent(self, ref: SessionRef) -> bool:
        """Tell without reading whether there is no session: in a shared store another worker may have made it."""
        return not self._is_shared and ref in self._vacancies

    def at_rest(self, ref: SessionRef) -> tuple[HotSession, Program] | None:
        """Return a session that nobody is changing, as it is now as far as can be known without reading.

        In a shared store that is so for a moment after a commit of this worker.
        """
        hot = None if self._turns.is_taken(ref) else self._hot.get(ref)
        if hot is None:
            return None
        if self._is_shared and self._clock.now_ms() - hot.committed_ms > OWN_COMMIT_MS_MAX:
            return None
        program = self._settled(ref, hot)
        return None if program is None else (hot, program)

    def note_absent(self, ref: SessionRef, visitor: VisitorRecord | None) -> None:
        """Learn that a session's id was made just now, and what the store has of its visitor."""
        version, profile = (0, None) if visitor is None else (visitor.version, visitor.profile)
        self._vacancies.note(ref, Loaded(profile_version=version, profile=profile))

    def drop(self, ref: SessionRef) -> None:
        """Read a session from the store when it is wanted next."""
        self._hot.drop(ref)
        self._vacancies.take(ref)

    def forget(self, ref: SessionRef) -> None:
        """Keep nothing of a session that was erased, nor of its visitor."""
        self._hot.drop(ref)
        self._vacancies.forget(ref.workspace, ref.visitor)

    def note_place(self, ref: SessionRef, epoch: str, offset: int) -> None:
        """Learn how far a session's messages reach; one in memory that has fewer is read anew."""
        hot = self._hot.get(ref)
        if hot is None:
            return
        if self._is_shared and (hot.session.offset < offset or hot.epoch not in ("", epoch)):
            self._hot.drop(ref)
        hot.epoch = hot.epoch or epoch

    async def act(
        self,
        ref: SessionRef,
        prepare: Prepare,
        opens: Opens | None = None,
        let_go: LetGo | None = None,
    ) -> Done | None:
        """Take one step of a session and commit it; None when there is no session and `opens` is None.

        Raises:
            StoreUnavailable: nothing was told to anybody; the same ids may be sent again.
        """
        async with self._turns.take(ref):
            try:
                return await self._attempt(ref, prepare, opens, let_go)
            except BaseException:
                # The value in hand may hold a step that was never committed.
                self._hot.drop(ref)
                raise

    async def _attempt(
        self, ref: SessionRef, prepare: Prepare, opens: Opens | None, let_go: LetGo | None
    ) -> Done | None:
        repeated: frozenset[int] = frozenset()
        for attempt in range(ATTEMPTS_MAX):
            if attempt > 1:
                await sleep(self._jitter.uniform(*CONFLICT_PAUSE_MS) / 1_000)
            hot = self._in_hand(ref)
            if hot is None and (opens is None or ref not in self._vacancies):
                hot = await self._load(ref)
            created = hot is None
            if hot is None:
                if opens is None:
                    return None
                hot = self._begin(ref, opens)
            program = self._settled(ref, hot) or await self._current(ref, hot)
            now_ms = self._clock.now_ms()
            prepared = prepare(Moment(hot.session, program, now_ms, repeated, hot.profile.loads))
            given = prepared.given
            if created and opens is not None:
                given = _with_start(hot, given, now_ms, opens.client)
            if given is None:
                if await self._is_confirmed(ref, hot):
                    return Done(hot.session, Effect(), prepared.duplicates, hot.epoch)
                await self._load(ref)
                continue
            taken = self._take(ref, hot, program, given, created=created)
            commit, effect = commit_of(program, hot, prepared, taken), taken.effect
            duplicates, input_type = prepared.duplicates, type(given)
            if let_go is not None and not duplicates:
                let_go(commit.entry)
            # While it is waited for, the events are nowhere but in the commit.
            del prepared, given, taken
            answer = await self._commit(commit)
            if isinstance(answer, _KEPT):
                is_resync = hot.is_rolled_back or answer.is_resync
                follows = hot.committed_ms > 0
                self._keep(ref, hot, commit, answer)
                return Done(
                    hot.session,
                    effect,
                    duplicates,
                    hot.epoch,
                    created,
                    is_resync=is_resync,
                    follows=follows,
                    input_type=input_type,
                    commit=commit,
                )
            self._hot.drop(ref)
            self.conflicts += 1
            if isinstance(answer, _NOT_KEPT):
                is_erased = isinstance(answer, Erased)
                return Done(hot.session, Effect(), 0, hot.epoch, is_erased=is_erased)
            if isinstance(answer, Seen):
                repeated |= frozenset(answer.ids)
            else:
                await self._adopt(ref, answer, hot)
        raise StoreContended("none", retry_after_ms=1_000)

    def _take(
        self, ref: SessionRef, hot: HotSession, program: Program, given: Input, *, created: bool
    ) -> Taken:
        epoch_before = hot.session.epoch
        terms = self._workspaces.terms(ref.workspace)
        effect = step(program, hot.session, hot.profile, given, self._secret, terms=terms)
        effect.profile_changed = effect.profile_changed or created
        self._ops += 1
        return Taken(ref, f"{self._op_prefix}{self._ops}", given, effect, epoch_before)

    async def _is_confirmed(self, ref: SessionRef, hot: HotSession) -> bool:
        """Make sure that what was read will last, before anybody is told that it is there already."""
        if not hot.is_confirmed and hot.version:
            hot.is_confirmed = await self._store.confirm(ref, hot.version)
        return hot.is_confirmed or not hot.version

    async def _commit(self, commit: Commit) -> CommitAnswer:
        """Commit; when the answer is lost, repeat the same commit until it is known or the time is up."""
        loop = get_running_loop()
        until_s = loop.time() + STORE_DEADLINE_MS / 1_000
        lost: StoreUnavailable | None = None
        while True:
            try:
                return await self._store.commit(commit)
            except StoreUnavailable as error:
                # A repeat that was certainly not done says nothing of the first.
                lost = lost or error
                if lost.outcome == "none" or loop.time() + REPEAT_PAUSE_S >= until_s:
                    raise lost from None
            await sleep(REPEAT_PAUSE_S)

    async def _adopt(self, ref: SessionRef, answer: Conflict | Capped, hot: HotSession) -> None:
        """Take in hand what the store has instead, as durable as any answer; nothing is read once more."""
        if answer.loaded.state is not None:
            adopted = await self._take_up(ref, answer.loaded, hot)
            adopted.is_confirmed = True

    def _in_hand(self, ref: SessionRef) -> HotSession | None:
        """Return a session in memory, but not one that was moved to rules which are live no more.

        No commit says that it was ever under them: it is read anew, so that the journal tells the same.
        """
        hot = self._hot.get(ref)
        if hot is None or not hot.is_moved:
            return hot
        program = self._workspaces.program(ref.workspace, hot.session.source)
        return hot if hot.session.program == program.version else None

    async def _load(self, ref: SessionRef) -> HotSession | None:
        before = self._hot.get(ref)
        loaded = await self._store.load(ref)
        if loaded.version == 0 or loaded.state is None:
            self._hot.drop(ref)
            self._vacancies.note(ref, loaded)
            return None
        self._vacancies.take(ref)
        return await self._take_up(ref, loaded, before)

    async def _take_up(
        self, ref: SessionRef, loaded: Loaded, before: HotSession | None
    ) -> HotSession:
        """Take a session in hand; `before` is what this worker knew of it."""
        hot = await self._revived(ref, loaded)
        if before is not None:
            hot.is_rolled_back = before.is_rolled_back or loaded.version < before.version
            hot.is_confirmed = before.is_confirmed and loaded.version == before.version
        self._hot.put(ref, hot)
        return hot

    async def _revived(self, ref: SessionRef, loaded: Loaded) -> HotSession:
        """Make a stored session's state, under rules that are live when it is made.

        One that was moved to rules which have left meanwhile is made anew: no commit says that it was ever
        under them.
        """
        while True:
            hot = _decoded(ref, loaded)
            source = hot.session.source
            program = self._workspaces.program(ref.workspace, source)
            if hot.session.program == program.version:
                revive(program, hot.session)
                return hot
            moved_to = await self._current(ref, hot)
            if moved_to is self._workspaces.program(ref.workspace, source):
                return hot

    def _begin(self, ref: SessionRef, opens: Opens) -> HotSession:
        loaded = self._vacancies.take(ref)
        assert loaded is not None, "a session begins where none was found"
        profile = Profile(ref.visitor) if loaded.profile is None else decode_profile(loaded.profile)
        program = self._workspaces.program(ref.workspace, opens.source)
        session = begin_session(program, ref, opens.source, profile, opens.start_ms)
        session.assistant = opens.assistant
        session.made_by_widget = opens.made_by_widget
        return HotSession(session, profile, 0, loaded.profile_version, loaded.epoch)

    def _settled(self, ref: SessionRef, hot: HotSession) -> Program | None:
        """Return the live rules when the session is under them already: the usual case, without a wait."""
        program = self._workspaces.program(ref.workspace, hot.session.source)
        if hot.session.program == program.version and self._layouts.is_kept(ref.workspace, program):
            return program
        return None

    async def _current(self, ref: SessionRef, hot: HotSession) -> Program:
        """Bring a session under the live rules of its site."""
        session = hot.session
        program = self._workspaces.program(ref.workspace, session.source)
        if not self._layouts.is_kept(ref.workspace, program):
            await self._layouts.keep(ref.workspace, program)
        if session.program != program.version:
            old_keys = await self._layouts.keys(ref.workspace, session.program) or ()
            past = await self._past(ref, hot) if has_new_registers(program, old_keys) else ()
            move_session(program, session, old_keys, past)
            hot.is_moved = True
        return program

    async def _past(self, ref: SessionRef, hot: HotSession) -> Sequence[tuple[int, Event]]:
        """Read the events of the session's newest journal entries."""
        past: list[tuple[int, Event]] = []
        first = max(0, hot.version - JOURNAL_ROWS_MAX)
        for entry in await self._store.journal(ref, first, JOURNAL_ROWS_MAX):
            given = decode_entry(entry.body).given
            past.extend((given.now_ms, event) for event in events_of(given))
        return past

    def _keep(
        self, ref: SessionRef, hot: HotSession, commit: Commit, answer: Committed | Duplicate
    ) -> None:
        # INVARIANT: the offsets that the step gave are the store's.
        assert answer.offset == hot.session.offset, "message offsets differ from the store's"
        hot.version, hot.is_confirmed, hot.is_moved = answer.version, True, False
        hot.committed_ms = self._clock.now_ms()
        if commit.new_epoch is not None or answer.is_resync:
            hot.epoch, hot.is_rolled_back = commit.new_epoch or commit.op, False
        if commit.profile is not None:
            hot.profile_version = answer.profile_version
        self._hot.put(ref, hot)


def _decoded(ref: SessionRef, loaded: Loaded) -> HotSession:
    assert loaded.state is not None
    profile = Profile(ref.visitor) if loaded.profile is None else decode_profile(loaded.profile)
    return HotSession(
        decode_session(loaded.state),
        profile,
        loaded.version,
        loaded.profile_version,
        loaded.epoch,
    )


def _with_start(hot: HotSession, given: Input | None, now_ms: int, client: ClientContext) -> Input:
    """Put the event that a session starts with before its first events."""
    start = start_event(hot.session, hot.profile, client)
    if isinstance(given, _WITH_EVENTS):
        return msgspec.structs.replace(given, events=(start, *given.events))
    assert given is None, "a session begins with events, or with nothing"
    return Arrived(now_ms, (start,))
