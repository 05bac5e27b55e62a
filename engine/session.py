"""One session as a value: what is folded from events, and what was decided and said."""

import msgspec

from engine.cart import NO_CART
from engine.conversations.conversation import Conversation
from engine.events import Event
from engine.message import Message

NO_TIME_MS = -1
"""Stands for "not yet" in every time of a session or a message."""


class Tab(msgspec.Struct, array_like=True, gc=False):
    """One browser tab (page load) with its page; the current tab's page clocks stand in `State`.

    `visible` until the tab says otherwise; `silent` when the engine hid it because nothing was heard of
    it, so that its next event shows it again. `heartbeat` once the tab sent one. `closes_ms` >= 0: its
    socket ended, and it counts as hidden from that instant. `url` to `scroll` and `counts` (the page
    registers' cells) are of use while the tab is not the current one, whose page stands in `State`.
    `foreign`: its latest page was told by another tool's client. `measured` once it said whether it is
    visible.
    """

    url: str = ""
    title: str = ""
    page_ms: int = NO_TIME_MS
    seen_ms: int = 0
    scroll: float = 0.0
    event_ms: int = 0
    visible: bool = True
    silent: bool = False
    heartbeat: bool = False
    closes_ms: int = NO_TIME_MS
    counts: list[int] = []
    foreign: bool = False
    measured: bool = False


class State(msgspec.Struct, array_like=True, gc=False):
    """The fold of a session's events; `rules.facts.State` says what generated code reads of it.

    The current tab's page stands in the `page_*` fields; its other facts, and all other tabs, in `tabs`.
    `event_ms` is the time of the latest event applied in order, `events` how many were applied. `cart` is
    the cart's total in hundredths (`engine.cart`), whether rules declare `cart.total` or not.
    """

    start_ms: int
    clock_ms: int
    page_key: str = ""
    page_ms: int = NO_TIME_MS
    page_seen_ms: int = 0
    page_since_ms: int = NO_TIME_MS
    site_seen_ms: int = 0
    site_since_ms: int = NO_TIME_MS
    scroll: float = 0.0
    attrs: dict[str, str | int | float | bool] = {}
    regs: list[object] = []
    tab: str = ""
    tabs: dict[str, Tab] = {}
    event_ms: int = NO_TIME_MS
    events: int = 0
    last_event: str = ""
    cart: int = NO_CART


class Session(msgspec.Struct, array_like=True, gc=False):
    """One visit: the folded state, the last ten seconds of events, and what is never folded again.

    `base` and `middle` are encoded states ten seconds apart and `tail` the events applied since `base`:
    a late event is put in its place by folding them again. Messages, engagement and spent caps are not
    part of the fold: a late event never takes a message back.

    `wake_ms` is the session's one wake-up. `suppressed` remembers which (rule, gates) were recorded
    already. `program` is the version of the rules that last touched it. `loads` are the event numbers
    seen of each page load of our own widget, as flat ranges [first, last, first, last, ...].
    `has_opted_out`: the browser sends Global Privacy Control. `verified`: the visitor proved who they
    are in this session, and `user` the user id that they proved. `goals` are those reached.
    `webhook_events` counts what webhooks were told of it.
    """

    workspace: str
    visitor: str
    id: str
    source: str
    start_ms: int
    state: State
    program: str = ""
    base: bytes = b""
    base_ms: int = NO_TIME_MS
    middle: bytes = b""
    middle_ms: int = NO_TIME_MS
    tail: list[Event] = []
    messages: list[Message] = []
    epoch: int = 0
    engaged_ms: int = NO_TIME_MS
    active_ms: int = NO_TIME_MS
    grants_total: int = 0
    offset: int = 0
    wake_ms: int = NO_TIME_MS
    timezone: str = ""
    suppressed: list[str] = []
    closed: bool = False
    talk: Conversation | None = None
    assistant: str = ""
    late_events: int = 0
    values_rejected: int = 0
    loads: dict[str, list[int]] = {}
    made_by_widget: bool = True
    has_opted_out: bool = False
    verified: bool = False
    goals: list[str] = []
    webhook_events: int = 0
    user: str = ""

    @property
    def conversation(self) -> str:
        """Return the id of the session's conversation, "" before there is one."""
        return "" if self.talk is None else self.talk.id

    def message(self, message_id: str) -> Message | None:
        """Find a message of this session by id."""
        return next((m for m in self.messages if m.id == message_id), None)


def new_session(workspace: str, visitor: str, session: str, source: str, start_ms: int) -> Session:
    """Make the empty session that the first event is applied to."""
    state = State(start_ms=start_ms, clock_ms=start_ms)
    return Session(workspace, visitor, session, source, start_ms, state)
