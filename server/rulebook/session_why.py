"""Why rules spoke or stayed silent in a session: one question, answered from the store alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from msgspec import Struct

from engine.explain import Record
from engine.openings import closed_ms
from engine.stores.base import SessionRef, Store
from engine.why import Programs, Scene, nearest_first, why
from server.errors import ApiError
from server.rulebook.past_programs import PastPrograms, Run
from server.rulebook.retelling import Past, read_past, retell

_OUTSIDE = "at is not within the session: give an instant from its beginning to its end"


class Question(Struct, frozen=True):
    """Which rule, None for every rule of the page, and when: an instant, a site clock's time, or neither.

    `clock` is `14:01` or `14:01:10`; it is taken as the first such time in the session. Neither is now,
    or the session's end.
    """

    rule: str | None = None
    at_ms: int | None = None
    clock: str = ""


class Told(Struct, frozen=True):
    """The answer: a record for each rule, nearest first, and the site's zone in which people read times."""

    session_id: str
    timezone: str
    records: list[Record]


class Teller(Struct, frozen=True):
    """What an answer needs: the store, the programs that once ran, and a way to compute for long."""

    store: Store
    programs: PastPrograms
    run: Run
    secret: bytes

    async def answer(self, ref: SessionRef, question: Question, now_ms: int) -> Told:
        """Explain a session.

        Raises ApiError: session_not_found when its journal is gone, out_of_range, rule_not_found.
        """
        past = await read_past(self.store, ref, until_ms=question.at_ms)
        if past is None:
            words = "The journal of this session is no longer kept, so it cannot be explained"
            raise ApiError("session_not_found", words, field="session_id")
        if not past.recorded:
            raise ApiError("out_of_range", _OUTSIDE, field="at")
        programs = await self.programs.gather(ref.workspace, past.programs, self.run)
        if question.clock:
            at_ms = _at_clock(past, programs, question.clock)
            past = await read_past(self.store, ref, until_ms=at_ms)
            if past is None or not past.recorded:
                raise ApiError("out_of_range", _OUTSIDE, field="at")
            question = Question(question.rule, at_ms)
        work = partial(_told, past, programs, self.secret, question, now_ms)
        return await self.run(work)


async def find_session(store: Store, workspace: str, name: str) -> SessionRef | None:
    """Return the session of its own id or of the id that a client gave it."""
    ref = await store.find(workspace, name)
    if ref is not None and ref.session == name:
        return ref
    return await store.find_alias(workspace, name) or await find_ended(store, workspace, name)


async def find_ended(store: Store, workspace: str, name: str) -> SessionRef | None:
    """Return a session by its own id as long as its journal is kept: its name goes an hour after its end."""
    # A list stands below what it is asked from; nothing that an id may hold sorts between.
    listed = await store.list_sessions(workspace, f"{name}\x01", 1)
    return next((ref for ref in listed if ref.session == name), None)


def _told(past: Past, programs: Programs, secret: bytes, question: Question, now_ms: int) -> Told:
    retelling = retell(past, programs, secret)
    if not any(one.ref == past.ref for one in past.recorded):
        raise ApiError("out_of_range", _OUTSIDE, field="at")
    ended_ms = closed_ms(retelling.session(past.ref), now_ms)
    end_ms = now_ms if ended_ms is None else min(now_ms, ended_ms)
    at_ms = end_ms if question.at_ms is None else question.at_ms
    if at_ms > end_ms:
        raise ApiError("out_of_range", _OUTSIDE, field="at")
    if any(one.entry.given.now_ms > at_ms for one in past.recorded):
        # The session was ended late, by a wake-up that came after its end.
        retelling = retell(past.until(at_ms), programs, secret)
    scene = retelling.scene(past.ref, at_ms)
    assert scene is not None, "the session has entries"
    return Told(
        past.ref.session,
        scene.program.checked.timezone,
        list(_records(scene, question.rule)),
    )


def _records(scene: Scene, name: str | None) -> Sequence[Record]:
    if name is None:
        return nearest_first(scene)
    rule = next((rule for rule in scene.program.rules if rule.name == name), None)
    if rule is None:
        raise ApiError("rule_not_found", f"There is no rule {name} in these rules", field="rule")
    return (why(scene, rule),)


def _at_clock(past: Past, programs: Programs, text: str) -> int:
    """Return the first instant of the session at which the site's clock showed a time.

    Raises ApiError: invalid_value.
    """
    first = next(one.entry for one in past.recorded if one.ref == past.ref)
    zone = ZoneInfo(programs(first.source, first.program).checked.timezone)
    began = datetime.fromtimestamp(past.first_ms / 1_000, UTC).astimezone(zone)
    try:
        shown = datetime.strptime(text, "%H:%M:%S" if text.count(":") > 1 else "%H:%M")  # noqa: DTZ007 - a time of day
    except ValueError:
        words = "at is a time like 14:01:10, or RFC 3339 with an offset"
        raise ApiError("invalid_value", words, field="at") from None
    # What was shown within the second in which the session began is its beginning.
    wanted = began.replace(hour=shown.hour, minute=shown.minute, second=shown.second, microsecond=0)
    if wanted < began.replace(microsecond=0):
        wanted += timedelta(days=1)
    return max(past.first_ms, round(wanted.timestamp() * 1_000))
