"""Bodies of the service endpoints (API.md 11): is it alive, is it ready, which version."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class HealthReply(Struct, frozen=True):
    """The loop runs."""

    status: Literal["ok"] = "ok"


class ReadyReply(Struct, frozen=True, kw_only=True):
    """How the server stands; `rules` is each workspace's version of its main rule set.

    `primaries_down` is there while some of a store's several servers do not answer.
    """

    status: Annotated[str, Meta(description="`ready`, or why no work is taken.")]
    store: str
    durability: str
    loop_lag_ms: int
    queue: int
    rules: dict[str, int]
    primaries_down: int | UnsetType = UNSET


class VersionReply(Struct, frozen=True):
    """Which version runs, and which widget protocol and rule language it speaks."""

    version: str
    protocol: int
    rules_language: int
