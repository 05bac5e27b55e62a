"""One visit on a virtual clock: what a `test` block drives, through the same step as live serving."""

from dataclasses import dataclass, field
from datetime import datetime

from engine.conversations.answers import best_answer
from engine.day_ranges import unix_ms, zone
from engine.decision import DecisionRow
from engine.effect import Effect
from engine.events import Event, Scalar
from engine.intake import admit_events
from engine.message import Message
from engine.openings import start_event
from engine.profile import Grant, Profile
from engine.runtime_types import ClientContext
from engine.session import Session, new_session
from engine.step import Arrived, Woke, step
from rules.checked import Value
from rules.compiler.program import Program

DEFAULT_CLOCK = "2026-01-14T12:00"
WAKES_MAX = 100_000
"""Wake-ups of one rehearsal; a rule set that asks for more is at fault, and the test says so."""

_SECRET = b"rehearsal"
_LOAD = "virtual0"


@dataclass(slots=True)
class Setting:
    """What is given before a rehearsal's first step; values in the rules' units."""

    clock: str = DEFAULT_CLOCK
    timezone: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)
    arms: dict[str, str] = field(default_factory=dict)
    is_held_out: bool = False
    displays: bool = True
    messages_ago: list[tuple[str, int]] = field(default_factory=list)
    dismissed_ago_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent in a rehearsal."""

    at_ms: int
    message: Message


class Rehearsal:
    """A visitor on virtual time: `happen` and `look` go forward, and everything said is kept."""

    def __init__(self, program: Program, setting: Setting) -> None:
        """Begin a session at second 0 of the setting's clock."""
        self.program = program
        self.setting = setting
        self.start_ms = _start_ms(program, setting)
        self.sent: list[Sent] = []
        self.expired: list[tuple[int, str]] = []
        self.rows: list[DecisionRow] = []
        self.answered: tuple[int, str] = (-1, "")
        self.looked_at = 0
        self._number = 0
        self._last_event: Event | None = None
        self._agents_online = int(setting.attributes.get("agents_online", 0))
        self.profile = _profile(program, setting, self.start_ms)
        self.session = self._begin()

    def happen(self, at_ms: int, event: Event) -> None:
        """Let an event happen at an instant >= the latest one: overdue wake-ups first, then the event."""
        now_ms = self.start_ms + at_ms
        self._run_wakes(now_ms - 1)
        self._last_event = event
        admission = admit_events(self.session, (event,), now_ms)
        if admission.events:
            self._take(Arrived(now_ms, admission.events, self._agents_online))
        if event.name == "visitor_message" and admission.events:
            text = str(event.properties.get("text", ""))
            answer = best_answer(self.program.checked.answers, text, self.session.state.page_key)
            self.answered = (now_ms, "" if answer is None else answer.name)

    def repeat(self, at_ms: int) -> None:
        """Let the latest event arrive once more, with its id."""
        if self._last_event is not None:
            self.happen(at_ms, self._last_event)

    def look(self, at_ms: int) -> None:
        """Run the wake-ups up to and including an instant, and evaluate the rules there."""
        now_ms = self.start_ms + at_ms
        self._run_wakes(now_ms)
        self._take(Woke(now_ms, now_ms, self._agents_online))

    def event(self, name: str, at_ms: int, late_ms: int = 0, **given: object) -> Event:
        """Make the next browser event of this visitor; `at_ms` is its receive time from the start."""
        self._number += 1
        own_ms = max(self.start_ms, self.start_ms + at_ms - late_ms)
        return Event(f"{_LOAD}-{self._number}", name, own_ms, sequence=self._number, **given)  # type: ignore[arg-type]  # the caller names fields of Event

    def _begin(self) -> Session:
        program = self.program
        session = new_session("test", "visitor", "chat_test", "test", self.start_ms)
        session.state.regs = program.new_registers()
        session.program = program.version
        session.timezone = self.setting.timezone
        self.profile.visits = int(self.setting.attributes.get("visitor.visits", 1))
        start = start_event(session, self.profile, ClientContext())
        given: dict[str, Scalar] = dict(self.setting.attributes)
        self.session = session
        self._take(
            Arrived(
                self.start_ms,
                (
                    start,
                    Event("", "set", self.start_ms, attributes=given, origin="engine"),
                ),
                self._agents_online,
            )
        )
        return session

    def _run_wakes(self, until_ms: int) -> None:
        for _ in range(WAKES_MAX):
            wake_ms = self.session.wake_ms
            if wake_ms < 0 or wake_ms > until_ms:
                return
            self._take(Woke(wake_ms, wake_ms, self._agents_online))
        raise RuntimeError("a rule set asks for wake-ups without end")

    def _take(self, given: Arrived | Woke) -> None:
        pending = {m.id for m in self.session.messages if m.outcome is None}
        effect: Effect = step(self.program, self.session, self.profile, given, _SECRET)
        self.rows.extend(effect.rows)
        for message in self.session.messages:
            if message.id in pending and message.outcome == "expired":
                self.expired.append((given.now_ms, message.rule))
        for message in effect.messages:
            if message.kind == "proactive":
                self.sent.append(Sent(given.now_ms, message))
                if self.setting.displays:
                    self._display(message, given.now_ms)

    def _display(self, message: Message, now_ms: int) -> None:
        self._number += 1
        properties: dict[str, object] = {"message_id": message.id}
        event = Event(f"{_LOAD}-{self._number}", "message_displayed", now_ms, properties=properties)
        self._take(Arrived(now_ms, (event,), self._agents_online))


def _start_ms(program: Program, setting: Setting) -> int:
    tz = zone(program.checked.timezone) or zone("UTC")
    assert tz is not None
    return unix_ms(datetime.fromisoformat(setting.clock).replace(tzinfo=tz))


def _profile(program: Program, setting: Setting, start_ms: int) -> Profile:
    profile = Profile("visitor", arms=dict(setting.arms))
    held = "out" if setting.is_held_out else "in"
    profile.arms.setdefault(f"{program.checked.site}:holdout", held)
    for rule in program.checked.rules:
        profile.arms.setdefault(f"{rule.name}:holdout", held)
    for number, (rule_name, ago_ms) in enumerate(sorted(setting.messages_ago, key=lambda m: -m[1])):
        grant = Grant(start_ms - ago_ms, rule_name, "earlier", f"earlier{number}")
        profile.grants.append(grant)
        profile.spent.append(grant)
    if setting.dismissed_ago_ms is not None:
        profile.dismissed_ms = start_ms - setting.dismissed_ago_ms
    return profile
