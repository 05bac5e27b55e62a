"""The tables of `opportune.toml` inside a workspace: names, defaults, units, ranges, one struct a table."""

import hashlib
import re
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from engine.limits import EARLIER_MESSAGES_MAX
from engine.outbox.endpoints import ENDPOINTS_MAX
from engine.outbox.network_guard import BadTarget, NotPublic, read_target
from engine.outbox.signing import key_of
from engine.outbox.webhooks import is_subscribable
from server.access.api_keys import is_possible
from server.access.passwords import is_password_hash
from server.access.scopes import SCOPES
from server.bookable import hours_problem, number_problem
from server.settings import Count, Duration, Name, WorkspaceLimits, parse_duration

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]{1,255}")
_SENDABLE = re.compile(r"[\x21-\x7e]{1,4096}")
_DAY = 24 * 60

ConfiguredId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
KeyText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,128}$")]
HoursText = Annotated[
    str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")
]


class Hours(Struct, frozen=True, forbid_unknown_fields=True):
    """Opening hours by weekday, in the zone of who owns them; none at all means always open."""

    mon: tuple[HoursText, ...] = ()
    tue: tuple[HoursText, ...] = ()
    wed: tuple[HoursText, ...] = ()
    thu: tuple[HoursText, ...] = ()
    fri: tuple[HoursText, ...] = ()
    sat: tuple[HoursText, ...] = ()
    sun: tuple[HoursText, ...] = ()

    def is_open(self, zone: str, now_ms: int) -> bool:
        """Tell whether an instant lies inside the hours, read in `zone` (IANA name)."""
        days = (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)
        if not any(days):
            return True
        local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone))
        minute, weekday = local.hour * 60 + local.minute, local.weekday()
        today = (_minutes(text) for text in days[weekday])
        yesterday = (_minutes(text) for text in days[weekday - 1])
        return any(start <= minute < (end if end > start else _DAY) for start, end in today) or any(
            end < start and minute < end for start, end in yesterday
        )


def week_minutes(hours: Hours) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return each weekday's ranges from Monday on, as (start, end) in minutes of its day."""
    days = (hours.mon, hours.tue, hours.wed, hours.thu, hours.fri, hours.sat, hours.sun)
    return tuple(tuple(_minutes(text) for text in day) for day in days)


def _minutes(hours: str) -> tuple[int, int]:
    start, end = hours.split("-")
    return int(start[:2]) * 60 + int(start[3:]), int(end[:2]) * 60 + int(end[3:])


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.api_keys]]`: the key itself or its SHA-256 in hex, exactly one."""

    name: Name
    key: KeyText | None = None
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    last4: Annotated[str, Meta(max_length=4)] = ""
    scopes: tuple[str, ...] = ("*",)
    per_minute: Annotated[int, Meta(ge=1)] | None = None
    expires: Annotated[datetime, Meta(tz=True)] | None = None

    def __post_init__(self) -> None:
        """Refuse a key that is given twice, not at all, or that no caller could use."""
        if (self.key is None) == (self.sha256 is None):
            raise ValueError("key: give exactly one of key, key_env, key_file, sha256")
        if self.key is not None and not is_possible(self.key):
            raise ValueError("key: its checksum is wrong; copy the whole key")
        unknown = sorted(set(self.scopes) - set(SCOPES))
        if unknown:
            raise ValueError(f'scopes: "{unknown[0]}" is no scope: {", ".join(SCOPES)}')

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the whole key in hex: all that is looked up."""
        return self.sha256 or hashlib.sha256((self.key or "").encode()).hexdigest()


class JwtSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[workspaces.jwt]`: who signs dashboard tokens."""

    algorithm: Literal["HS256", "RS256", "ES256"] = "HS256"
    secret: Annotated[str, Meta(min_length=32)] | None = None
    previous_secret: Annotated[str, Meta(min_length=32)] | None = None
    public_key_file: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        """Refuse an algorithm without its key."""
        if self.algorithm == "HS256" and self.secret is None:
            raise ValueError("secret: HS256 needs a secret of 32 characters or more")
        if self.algorithm != "HS256" and not self.public_key_file:
            raise ValueError(f"public_key_file: {self.algorithm} needs a public key in PEM")


class User(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.users]]`: who may log in to the console."""

    name: Name
    role: Literal["viewer", "editor", "admin"]
    password: str | None = None
    password_scrypt: str | None = None

    def __post_init__(self) -> None:
        """Refuse a user with two passwords or none, and a hash that cannot be compared with."""
        if (self.password is None) == (self.password_scrypt is None):
            raise ValueError("password: give exactly one of password and password_scrypt")
        if self.password_scrypt is not None and not is_password_hash(self.password_scrypt):
            raise ValueError("password_scrypt: copy the line that `opportune keys password` prints")


class Site(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.sites]]`; `rules` "" is the workspace's main set."""

    source_id: ConfiguredId
    origins: tuple[str, ...]
    name: str = ""
    require_origin: bool = False
    rules: str = ""
    consent: Literal["implicit", "required"] = "implicit"
    business_hours: Hours = Hours()

    def __post_init__(self) -> None:
        """Refuse an origin that no browser would send."""
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f'origins: "{origin}" is not scheme://host[:port] in lower case, without a path'
                )


class WidgetToken(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.widget_tokens]]`: a public token of one site."""

    token: Annotated[str, Meta(pattern=r"^wk_[A-Za-z0-9_-]{1,64}$")]
    site: ConfiguredId


class Widget(Struct, frozen=True, forbid_unknown_fields=True):
    """`[workspaces.widget]`: how the widget looks and greets."""

    name: str = ""
    theme_color: Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#2563EB"
    position: Literal["bottom-right", "bottom-left"] = "bottom-right"
    greeting: str = "Hi! I'm here to help. What can I assist you with today?"
    locale: str = "en"
    logo: str = ""


class Assistant(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.assistants]]`: who answers; `kind` openai needs `base_url` and `model`."""

    id: ConfiguredId
    name: Name
    agent_id: Annotated[int, Meta(ge=1)] | None = None
    primary: bool = False
    kind: Literal["answers", "openai"] = "answers"
    greeting: str = ""
    fallback: str = "I don't know that yet. Shall I connect you with a person?"
    away_message: str = "Thanks! We will answer here shortly."
    max_active_sessions: Count = 0
    avatar_id: int | None = None
    avatar_name: str | None = None
    avatar_url: str | None = None
    voice_id: str | None = None
    base_url: str = ""
    model: Annotated[str, Meta(max_length=200)] = ""
    api_key: str | None = None
    system_prompt: Annotated[str, Meta(max_length=20_000)] = ""
    use_answers: bool = True
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.2
    max_tokens: Annotated[int, Meta(ge=1, le=100_000)] = 300
    tokens_per_day: Count = 0
    timeout: Duration = parse_duration("20s")
    history_messages: Annotated[int, Meta(ge=0, le=EARLIER_MESSAGES_MAX)] = 20

    def __post_init__(self) -> None:
        """Refuse a model assistant that does not say which model, or where, and a key that cannot be sent."""
        if self.kind == "openai" and not (self.base_url and self.model):
            raise ValueError('base_url: kind = "openai" needs base_url and model')
        if self.base_url and (problem := base_url_problem(self.base_url)):
            raise ValueError(f"base_url: {problem}")
        if self.api_key is not None and not _SENDABLE.fullmatch(self.api_key):
            raise ValueError("api_key: has characters that no header can carry; copy it again")


class Analytics(Struct, frozen=True, forbid_unknown_fields=True):
    """`[workspaces.analytics]`: where events are sent on."""

    url: str
    write_key: Annotated[str, Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """Refuse a URL that nothing can be sent to, and a key that is cut short on its way."""
        _check_target(self.url)
        if ":" in self.write_key:
            raise ValueError(
                "write_key: a key has no colon; copy it from the destination's settings"
            )


class Voice(Struct, frozen=True, forbid_unknown_fields=True):
    """`[workspaces.voice]`: the pool of telephone numbers."""

    numbers: tuple[str, ...] = ()
    hold: Duration = parse_duration("10m")

    def __post_init__(self) -> None:
        """Refuse a number that nobody can call, and one that stands twice."""
        for number in self.numbers:
            if problem := number_problem(number):
                raise ValueError(f"numbers: {problem}")
        if len(set(self.numbers)) < len(self.numbers):
            raise ValueError("numbers: a number stands twice; write each once")
        if self.hold <= 0:
            raise ValueError('hold: nobody can call in no time; write a duration like "10m"')


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.calendars]]`: slots to book."""

    id: ConfiguredId
    hours: Hours
    name: str = ""
    timezone: str = ""
    slot_minutes: Annotated[int, Meta(ge=5, le=1_440)] = 120
    capacity: Annotated[int, Meta(ge=1)] = 1
    lead_time_minutes: Count = 60
    horizon_days: Annotated[int, Meta(ge=1, le=366)] = 60
    closed: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a zone that nobody knows, and hours that no slot can be cut from."""
        if self.timezone:
            _check_zone(self.timezone)
        if problem := hours_problem(week_minutes(self.hours), self.slot_minutes):
            raise ValueError(f"hours: {problem}")


class Webhook(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces.webhooks]]`: an endpoint that stands in the file."""

    id: ConfiguredId
    url: str
    events: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]
    secret: str

    def __post_init__(self) -> None:
        """Refuse a URL, an event or a secret that no endpoint can have."""
        _check_target(self.url)
        unknown = [name for name in self.events if not is_subscribable(name)]
        if unknown:
            raise ValueError(f'events: "{unknown[0]}" is no event; "*" subscribes to all')
        try:
            key_of(self.secret)
        except ValueError as problem:
            raise ValueError(f"secret: {problem}") from None


class Workspace(Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workspaces]]`: one customer's isolated space; the first site is its primary one."""

    id: ConfiguredId
    name: Name
    sites: Annotated[tuple[Site, ...], Meta(min_length=1)]
    timezone: str = "UTC"
    rules: str = ""
    identity_secret: str | None = None
    qualify_score: Annotated[int, Meta(ge=0, le=100)] = 70
    allow_regex: bool = False
    teams: tuple[str, ...] = ()
    limits: WorkspaceLimits | None = None
    api_keys: tuple[ApiKey, ...] = ()
    jwt: JwtSettings | None = None
    users: tuple[User, ...] = ()
    widget_tokens: tuple[WidgetToken, ...] = ()
    widget: Widget = Widget()
    assistants: tuple[Assistant, ...] = ()
    analytics: Analytics | None = None
    voice: Voice = Voice()
    calendars: tuple[Calendar, ...] = ()
    webhooks: Annotated[tuple[Webhook, ...], Meta(max_length=ENDPOINTS_MAX)] = ()

    def site(self, source_id: str) -> Site | None:
        """Return the site with this id."""
        return next((s for s in self.sites if s.source_id == source_id), None)

    def assistant(self, assistant_id: str) -> Assistant | None:
        """Return the assistant with this id."""
        return next((a for a in self.assistants if a.id == assistant_id), None)

    @property
    def primary_assistant(self) -> Assistant | None:
        """Return the assistant that is marked primary, else the first, else none."""
        marked = next((a for a in self.assistants if a.primary), None)
        return marked or (self.assistants[0] if self.assistants else None)

    def __post_init__(self) -> None:
        """Refuse a zone that nobody knows, and users who could not be given a token."""
        if self.users and (self.jwt is None or self.jwt.algorithm != "HS256"):
            raise ValueError("users: a login needs [workspaces.jwt] with HS256 and a secret")
        _check_zone(self.timezone)


def _check_target(url: str) -> None:
    try:
        read_target(url, allow_http=True)
    except (BadTarget, NotPublic) as problem:
        raise ValueError(f"url: {problem}") from None


def base_url_problem(url: str) -> str | None:
    """Say why no model can be asked under a URL; None when one can. Private addresses are the operator's own."""
    try:
        read_target(url, allow_http=True)
    except (BadTarget, NotPublic) as problem:
        return str(problem)
    if "?" in url or "#" in url:
        return 'has a query or a fragment; write it up to the version, like "https://host/v1"'
    return None


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'timezone: "{name}" is no IANA zone, like "America/Chicago"') from None
