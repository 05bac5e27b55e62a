"""Bodies, queries and answers of rule sets (API.md 3.6)."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.replay_diff import ReplayDiff
from server.wire.paging import PageQuery

RULES_BYTES_MAX = 2 * 1024 * 1024
FILES_MAX = 100
FILE_BYTES_MAX = 1024 * 1024
NOTE_CHARS_MAX = 500
REPLAY_SESSIONS_MAX = 100_000

Files = Annotated[
    dict[str, str],
    Meta(max_length=FILES_MAX, description="Rule texts by file name, like `main.rules`."),
]
Note = Annotated[
    str, Meta(min_length=1, max_length=NOTE_CHARS_MAX, description="Why it changes, for people.")
]


class FilesBody(Struct, frozen=True):
    """Rule files that are not published."""

    files: Files


class CheckQuery(Struct, frozen=True):
    """What a check reports beside errors and warnings."""

    hints: bool = False


class VersionQuery(Struct, frozen=True):
    """Which version of a set; the live one when it is left out."""

    version: Annotated[int, Meta(ge=0)] | None = None


class PublishBody(Struct, frozen=True):
    """Files that shall be live."""

    files: Files
    note: Note


class RollbackBody(Struct, frozen=True):
    """The version whose files shall be live again."""

    version: Annotated[int, Meta(ge=0)]
    note: Note


class ReplayBody(Struct, frozen=True):
    """Which sessions to run again, and under which files; without `files` the live ones."""

    since: Annotated[datetime, Meta(tz=True)]
    until: Annotated[datetime, Meta(tz=True)] | None = None
    files: Files | None = None
    limit: Annotated[int, Meta(ge=1, le=REPLAY_SESSIONS_MAX)] = REPLAY_SESSIONS_MAX


class RuleSetRow(Struct, frozen=True):
    """A rule set in a list; version 0 has no rules and was never published."""

    set: str
    source_ids: tuple[str, ...]
    version: int
    etag: str
    published_at: str | None
    published_by: str | None
    rules: int
    goals: int
    warnings: int


class RuleSetReply(Struct, frozen=True):
    """The files of one version."""

    set: str
    version: int
    etag: str
    files: dict[str, str]


class PlaceReply(Struct, frozen=True):
    """A place in a file, counted from 1."""

    line: int
    column: int


class RelatedReply(Struct, frozen=True):
    """Another place that a finding is about."""

    file: str
    start: PlaceReply
    end: PlaceReply
    message: str


class EditReply(Struct, frozen=True):
    """A text that takes the place of a range."""

    start: PlaceReply
    end: PlaceReply
    text: str


class FixReply(Struct, frozen=True):
    """A change that mends a finding; `safe` when it cannot change what the rules mean."""

    title: str
    safe: bool
    edits: list[EditReply]


class DiagnosticReply(Struct, frozen=True):
    """One finding, as `opportune check --format json` writes it."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    help: str
    file: str
    start: PlaceReply
    end: PlaceReply
    related: list[RelatedReply]
    fix: FixReply | None


class FieldReply(Struct, frozen=True):
    """A field of an event and its type."""

    name: str
    type: str


class EventReply(Struct, frozen=True):
    """An event that rules may name."""

    name: str
    built_in: bool
    fields: tuple[FieldReply, ...]


class AttributeReply(Struct, frozen=True):
    """An attribute that rules may read; `options` are those of a `one of`."""

    name: str
    type: str
    built_in: bool
    options: tuple[str, ...] = ()


class CheckReply(Struct, frozen=True):
    """What a check found. The last three are null when there is an error.

    `score_range` is the lowest and the highest score that the rules can give.
    """

    ok: bool
    errors: int
    warnings: int
    diagnostics: list[DiagnosticReply]
    score_range: tuple[int, int] | None
    events: tuple[EventReply, ...] | None
    attributes: tuple[AttributeReply, ...] | None


class FilesReply(Struct, frozen=True):
    """Rule files in their one layout."""

    files: dict[str, str]


class TestReply(Struct, frozen=True):
    """How one test block ended; `message` says what did not hold, "" when it passed."""

    name: str
    file: str
    line: int
    passed: bool
    message: str


class CoverageReply(Struct, frozen=True):
    """What the tests saw: conditions that were both true and false, and rules that spoke.

    `unseen` says of each of the other conditions what it never was.
    """

    conditions: int
    conditions_seen: int
    rules: int
    rules_spoken: int
    unseen: tuple[str, ...]


class TestsReply(Struct, frozen=True):
    """How the test blocks ended."""

    passed: int
    failed: int
    tests: list[TestReply]
    coverage: CoverageReply


class PublishReply(Struct, frozen=True):
    """A version that is live."""

    set: str
    version: int
    etag: str
    diagnostics: list[DiagnosticReply]
    reloaded: bool = True


class HistoryRow(Struct, frozen=True):
    """A version in a list; `added` and `removed` are rules, against the version before."""

    version: int
    etag: str
    note: str
    origin: Literal["folder", "api", "rollback"]
    author: str
    published_at: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class HistoryQuery(PageQuery, frozen=True, kw_only=True):
    """Which page of a set's versions."""


ReplayReply = ReplayDiff
"""Two rule sets over the same sessions."""
