"""What the three hand-written sites share: one visit's clocks, the policy's gates, arms by hash."""

from dataclasses import dataclass, field
from hashlib import sha256

from engine.events import Event, Scalar

NEVER = 1 << 62
IDLE_MS = 1_800_000
FIRST_AFTER_MS = 30_000
WEEK_MS = 7 * 86_400_000

ACTIVITY = frozenset(
    {"view", "scroll", "click", "show", "activity", "exit_intent", "form_start", "form_submit",
     "add_to_cart", "checkout_start"}
)  # fmt: skip


@dataclass(slots=True)
class Person:
    """A visitor across visits: lasting traits, and when a message was granted."""

    name: str
    traits: dict[str, Scalar] = field(default_factory=dict)
    grants_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choice:
    """A rule that holds: its name, its strength, its variants with their upper buckets, its words."""

    rule: str
    priority: int
    text: str
    variants: tuple[tuple[str, int], ...] = ()


def bucket(seed: str, name: str) -> int:
    """Return a visitor's place among 10,000."""
    return int.from_bytes(sha256(f"{seed}\x1f{name}".encode()).digest()[:8]) % 10_000


class HandWritten:
    """One visit. A site adds `fold`, `choose` and `score`; all times are Unix milliseconds."""

    site = ""
    holdout = 0
    week_max = NEVER
    activity = ACTIVITY

    __slots__ = (
        "attrs", "done", "event_ms", "page_ms", "page_seen_ms", "page_since_ms", "path", "person",
        "quiet_from_ms", "scroll", "site_seen_ms", "site_since_ms", "start_ms", "wake_ms",
    )  # fmt: skip

    def __init__(self, person: Person, start_ms: int) -> None:
        """Begin a visit."""
        self.person = person
        self.attrs: dict[str, Scalar] = {}
        self.start_ms = self.event_ms = self.quiet_from_ms = start_ms
        self.path = ""
        self.page_ms = start_ms
        self.page_seen_ms = self.site_seen_ms = 0
        self.page_since_ms = self.site_since_ms = -1
        self.scroll = 0.0
        self.done = False
        self.wake_ms = NEVER

    # ---- what a site says

    def fold(self, event: Event) -> None:
        """Note what an event means on this site; clocks, page and attributes are noted already."""

    def choose(self, now_ms: int) -> tuple[list[Choice], int]:
        """Return the rules that hold, and the earliest instant at which another one could."""
        raise NotImplementedError

    def score(self, now_ms: int) -> int:
        """Return the score."""
        raise NotImplementedError

    def advance(self, now_ms: int) -> None:
        """Follow what changes by itself up to just before an event."""

    def observe(self, now_ms: int) -> None:
        """Look at what must hold for a while, after an event or at a wake-up."""

    def is_never_on(self) -> bool:
        """Tell whether the page is free of messages."""
        return False

    def is_quiet(self, now_ms: int) -> bool:
        """Tell whether the site is in its quiet hours."""
        return False

    # ---- clocks

    def on_page_ms(self, now_ms: int) -> int:
        """Return the visible time on the page."""
        return self.page_seen_ms + (now_ms - self.page_since_ms if self.page_since_ms >= 0 else 0)

    def on_site_ms(self, now_ms: int) -> int:
        """Return the visible time of the visit."""
        return self.site_seen_ms + (now_ms - self.site_since_ms if self.site_since_ms >= 0 else 0)

    def take(self, event: Event) -> None:
        """Fold one event."""
        now_ms = event.at_ms
        self.advance(now_ms)
        name = event.name
        self.event_ms = now_ms
        for key, value in event.attributes.items():
            self.attrs[key] = value
            if key.startswith("visitor."):
                self.person.traits[key] = value
        if name == "hide":
            self.page_seen_ms, self.page_since_ms = self.on_page_ms(now_ms), -1
            self.site_seen_ms, self.site_since_ms = self.on_site_ms(now_ms), -1
        elif self.site_since_ms < 0:
            self.page_since_ms = self.site_since_ms = now_ms
        if name == "view":
            url = event.url or ""
            self.path = url[url.index("/", 8) :].partition("?")[0].lower()
            self.page_ms = self.page_since_ms = now_ms
            self.page_seen_ms, self.scroll = 0, 0.0
        elif name == "scroll":
            self.scroll = max(self.scroll, float(str(event.properties["depth"])))
        if name in self.activity:
            self.quiet_from_ms = now_ms
        self.fold(event)
        self.observe(now_ms)

    # ---- deciding

    def decide(self, now_ms: int) -> tuple[int, str, str, str, str, int] | None:
        """Decide at an instant and set the wake-up; returns what was decided, if anything was said."""
        self.wake_ms = NEVER
        if self.done:
            return None
        found, next_ms = self.choose(now_ms)
        if now_ms < self.start_ms + FIRST_AFTER_MS:
            first_ms = self.start_ms + FIRST_AFTER_MS
            self.wake_ms = first_ms if found else max(first_ms, next_ms)
            if next_ms == NEVER and not found:
                self.wake_ms = NEVER
            return None
        self.wake_ms = next_ms
        if not found or self.site_since_ms < 0 or self.is_never_on() or self.is_quiet(now_ms):
            return None
        grants = self.person.grants_ms
        if sum(at_ms > now_ms - WEEK_MS for at_ms in grants) >= self.week_max:
            return None
        return self._say(min(found, key=lambda choice: -choice.priority), now_ms)

    def _say(self, choice: Choice, now_ms: int) -> tuple[int, str, str, str, str, int]:
        person = self.person
        person.grants_ms.append(now_ms)
        self.done, self.wake_ms = True, NEVER
        place = bucket(f"{choice.rule}:variant", person.name) if choice.variants else 0
        variant = next((name for name, upper in choice.variants if place < upper), "")
        is_out = bucket(f"{self.site}:holdout", person.name) < self.holdout
        outcome = "held_out" if is_out else "sent"
        if not is_out:
            first_name = self.person.traits.get("visitor.first_name", "there")
            choice.text.replace("{name}", str(first_name))
            # The message is displayed at once, which is an event of the visit.
            self.event_ms = now_ms
        return now_ms, person.name, choice.rule, outcome, variant, self.score(now_ms)
