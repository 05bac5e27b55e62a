"""The tables of `opportune.toml` that stand above the workspaces: names, defaults, units, ranges."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from engine.limits import SESSION_IDLE_MS, SESSION_MS_MAX

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

WEBHOOK_TIMEOUT_MS_MAX = 20_000
"""A delivery is claimed for 30 s and may wait a part of it: its request ends before the claim does."""

_FIXED = (
    "sessions end after 30m without an event, and after 24h; no other length can be set. Remove it"
)

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
AnyStruct = TypeVar("AnyStruct", bound=Struct)


class Duration(int):
    """A length of time in milliseconds, written in the file with one unit: "90s"."""


def parse_duration(text: str) -> Duration:
    """Read a duration of one unit, `ms s m h d`; anything else is a ValueError that says so."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError('write a number and one unit (ms, s, m, h, d), like "90s"')
    return Duration(int(match[1]) * _UNIT_MS[match[2]])


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`. `public_url` and `ws_url` end without a slash; "" until the loader fills them."""

    host: Name = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8700
    public_url: str = ""
    ws_url: str = ""
    secret: Annotated[str, Meta(min_length=32)] | None = None
    trusted_proxies: tuple[str, ...] = ()
    require_https: bool = False
    metrics_token: str = ""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    shutdown_grace: Duration = parse_duration("10s")


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[store]`; the times are milliseconds."""

    url: Name = "sqlite:///data/opportune.db"
    durability: Literal["D0", "D1", "D2", "D3"] = "D2"
    partitions: Annotated[int, Meta(ge=1, le=1_024)] = 256
    session_idle: Duration = parse_duration("30m")
    session_max: Duration = parse_duration("24h")
    retention_events: Duration = parse_duration("30d")
    retention_decisions: Duration = parse_duration("90d")
    retention_profiles: Duration = parse_duration("400d")
    archive: str = ""

    def __post_init__(self) -> None:
        """Refuse lengths of a session that would not be kept to."""
        for name, length_ms in (("session_idle", SESSION_IDLE_MS), ("session_max", SESSION_MS_MAX)):
            if getattr(self, name) != length_ms:
                raise ValueError(f"{name}: {_FIXED}")


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]`: requests a window; 0 chat messages a month means no limit."""

    key_per_minute: Count = 1_000
    workspace_per_hour: Count = 10_000
    chat_per_session_per_minute: Count = 20
    chat_per_address_per_minute: Count = 120
    chat_per_workspace_per_minute: Count = 600
    chat_messages_per_month: Count = 0
    failed_auth_per_minute: Count = 600


class WorkspaceLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """`[workspaces.limits]`: what one workspace has instead of `[limits]`."""

    key_per_minute: Count | None = None
    workspace_per_hour: Count | None = None
    chat_per_session_per_minute: Count | None = None
    chat_per_address_per_minute: Count | None = None
    chat_per_workspace_per_minute: Count | None = None
    chat_messages_per_month: Count | None = None

    def over(self, base: Limits) -> Limits:
        """Return `base` with the values that are set here in the place of its own."""
        own = {
            name: value for name, value in msgspec.structs.asdict(self).items() if value is not None
        }
        return msgspec.structs.replace(base, **own)


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[webhooks]`: how deliveries are tried."""

    timeout: Duration = parse_duration("15s")
    retry_schedule: tuple[Duration, ...] = tuple(
        parse_duration(text) for text in ("5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h")
    )
    disable_after: Duration = parse_duration("120h")
    allow_private: bool = False

    def __post_init__(self) -> None:
        """Refuse times in which nobody could answer, or that outlast the claim of a delivery."""
        if not 0 < self.timeout <= WEBHOOK_TIMEOUT_MS_MAX:
            raise ValueError('timeout: write a duration up to "20s", like "15s"')
        if self.disable_after <= 0:
            raise ValueError('disable_after: write how long only failures are borne, like "120h"')


class PrivacySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`[privacy]`."""

    honour_gpc: bool = True
    honour_dnt: bool = False
    store_ip: bool = False
    geo_database: str = ""

    def __post_init__(self) -> None:
        """Refuse the one value that is not offered."""
        if self.store_ip:
            raise ValueError("store_ip: addresses are never stored; remove it or write false")


TABLES: Mapping[str, type[Struct]] = {
    "server": ServerSettings,
    "store": StoreSettings,
    "limits": Limits,
    "webhooks": WebhookSettings,
    "privacy": PrivacySettings,
}
"""The tables that environment and flags may change."""


def convert_table(value: object, kind: type[AnyStruct]) -> AnyStruct:
    """Convert what the file holds to a table; raises msgspec.ValidationError that names the path."""
    return msgspec.convert(value, kind, dec_hook=_from_text)


def _from_text(kind: type, value: object) -> object:
    if kind is not Duration:
        raise NotImplementedError
    if not isinstance(value, str):
        raise ValueError('write a duration as text with one unit, like "90s"')  # noqa: TRY004  # msgspec adds the path
    return parse_duration(value)
