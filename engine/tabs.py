"""Tabs and visible time: which tab is current, which clocks run, and what a new page starts.

Visible time counts while at least one tab is visible; the page's clock counts the current tab only.
The current tab is the visible tab with the latest event other than `hide`; when none is visible, the
last one that was (LANGUAGE.md 5.1).
"""

from collections.abc import Mapping

from engine.limits import TAB_SILENCE_MS, TABS_MAX, TITLE_CHARS_MAX, URL_CHARS_MAX
from engine.session import NO_TIME_MS, State, Tab
from rules.addresses import address
from rules.checked import Value
from rules.compiler.program import Program

UTM_NAMES = ("source", "medium", "campaign", "term", "content")


def enter_tab(program: Program, state: State, tab: str, at_ms: int) -> Tab:
    """Make the tab that sent an event other than `hide` the current one, when it is visible.

    A tab that was hidden for its silence is visible again; one that said `hide` stays hidden. A tab that
    was never seen is visible from here on.
    """
    entry = state.tabs.get(tab)
    if entry is None:
        entry = _open_tab(state, tab)
    elif entry.silent:
        entry.silent = False
        entry.visible = True
    elif tab == state.tab:
        # By far the usual case: the tab that is current already goes on.
        entry.event_ms = at_ms
        if entry.closes_ms != NO_TIME_MS:
            entry.closes_ms = NO_TIME_MS
        return entry
    entry.event_ms = at_ms
    entry.closes_ms = NO_TIME_MS
    if tab != state.tab and (entry.visible or not _any_visible(state)):
        _leave_current(program, state, at_ms)
        _take_up(program, state, tab)
    _run_clocks(state, at_ms)
    return entry


def hide_tab(program: Program, state: State, tab: str, at_ms: int, *, silent: bool) -> None:
    """Hide a tab; another visible tab, the one heard of last, becomes the current one."""
    entry = state.tabs.get(tab)
    if entry is None:
        entry = _open_tab(state, tab)
        if not state.tab and tab:
            state.tab = tab
    entry.visible = False
    entry.silent = silent
    entry.closes_ms = NO_TIME_MS
    if tab == state.tab:
        others = [(t.event_ms, name) for name, t in state.tabs.items() if t.visible]
        if others:
            _leave_current(program, state, at_ms)
            _take_up(program, state, max(others)[1])
    _run_clocks(state, at_ms)


def show_tab(state: State, entry: Tab, at_ms: int) -> None:
    """Make a tab visible that was entered by its own event."""
    entry.visible = True
    _run_clocks(state, at_ms)


def close_tab(state: State, tab: str, hidden_ms: object) -> None:
    """Note that a visible tab's socket ended: it counts as hidden from `hidden_ms` on."""
    entry = state.tabs.get(tab)
    if entry is not None and entry.visible and isinstance(hidden_ms, int):
        entry.closes_ms = hidden_ms


def start_page(
    program: Program, state: State, url: str | None, title: str | None, at_ms: int
) -> None:
    """Begin a new page in the current tab: clocks and page counts at zero, `page.*` and `utm.*` anew.

    Without an address the page is unknown: no `on page` holds.
    """
    entry = state.tabs[state.tab]
    shown = url or ""
    if len(shown) > URL_CHARS_MAX:
        shown = shown[:URL_CHARS_MAX]
    if not state.tab:
        # A sender that names no tabs loads a new page by a view: it is visible again after its `hide`.
        entry.visible = True
    place = address(shown)
    state.page_key = place.key
    state.page_ms = at_ms
    state.page_seen_ms = 0
    state.page_since_ms = at_ms if entry.visible else NO_TIME_MS
    state.scroll = 0.0
    for number in program.page_registers:
        state.regs[number] = 0
    if title and len(title) > TITLE_CHARS_MAX:
        title = title[:TITLE_CHARS_MAX]
    _write_page_attributes(program, state, shown, title or "")
    if place.query and "utm_" in shown:
        _write_campaign(state, place.query)
    if not entry.visible or state.site_since_ms < 0:
        _run_clocks(state, at_ms)


def correct_dwell(state: State, dwell_ms: int, at_ms: int) -> None:
    """Set the page's visible time to what the tab itself measured, never more than the page's age."""
    if state.page_ms < 0:
        return
    state.page_seen_ms = max(0, min(dwell_ms, at_ms - state.page_ms))
    if state.page_since_ms >= 0:
        state.page_since_ms = at_ms


def next_silence(state: State) -> tuple[int, str] | None:
    """Find the tab that falls silent next and when: (Unix milliseconds, tab), or None."""
    due: tuple[int, str] | None = None
    for name, entry in state.tabs.items():
        if not entry.visible or (entry.closes_ms < 0 and not entry.heartbeat):
            continue
        at_ms = entry.closes_ms
        if entry.heartbeat:
            silent_ms = entry.event_ms + TAB_SILENCE_MS
            at_ms = silent_ms if at_ms < 0 else min(at_ms, silent_ms)
        if at_ms >= 0 and (due is None or (at_ms, name) < due):
            due = (at_ms, name)
    return due


def _open_tab(state: State, tab: str) -> Tab:
    if len(state.tabs) >= TABS_MAX:
        hidden = sorted(
            (t.visible, t.event_ms, name) for name, t in state.tabs.items() if name != state.tab
        )
        del state.tabs[hidden[0][2]]
    entry = Tab()
    state.tabs[tab] = entry
    if len(state.tabs) == 1:
        state.tab = tab
    return entry


def _any_visible(state: State) -> bool:
    return any(entry.visible for entry in state.tabs.values())


def _leave_current(program: Program, state: State, at_ms: int) -> None:
    entry = state.tabs[state.tab]
    if state.page_since_ms >= 0:
        state.page_seen_ms += at_ms - state.page_since_ms
        state.page_since_ms = NO_TIME_MS
    entry.url = str(state.attrs.get("page.url", ""))
    entry.title = str(state.attrs.get("page.title", ""))
    entry.page_ms = state.page_ms
    entry.seen_ms = state.page_seen_ms
    entry.scroll = state.scroll
    entry.counts = [_count(state.regs[number]) for number in program.page_registers]


def _take_up(program: Program, state: State, tab: str) -> None:
    entry = state.tabs[tab]
    state.tab = tab
    state.page_key = address(entry.url).key if entry.url else ""
    state.page_ms = entry.page_ms
    state.page_seen_ms = entry.seen_ms
    state.page_since_ms = NO_TIME_MS
    state.scroll = entry.scroll
    counts = entry.counts if len(entry.counts) == len(program.page_registers) else None
    for place, number in enumerate(program.page_registers):
        state.regs[number] = counts[place] if counts else 0
    _write_page_attributes(program, state, entry.url, entry.title)
    entry.url = entry.title = ""


def _run_clocks(state: State, at_ms: int) -> None:
    """Start and stop the two visible clocks so that they fit the tabs as they are now."""
    entry = state.tabs.get(state.tab)
    visible = entry is not None and entry.visible
    if visible != (state.page_since_ms >= 0) and state.page_ms >= 0:
        if visible:
            state.page_since_ms = at_ms
        else:
            state.page_seen_ms += at_ms - state.page_since_ms
            state.page_since_ms = NO_TIME_MS
    anywhere = visible or _any_visible(state)
    if anywhere != (state.site_since_ms >= 0):
        if anywhere:
            state.site_since_ms = at_ms
        else:
            state.site_seen_ms += at_ms - state.site_since_ms
            state.site_since_ms = NO_TIME_MS


def _write_page_attributes(program: Program, state: State, url: str, title: str) -> None:
    attrs = state.attrs
    _drop_page_attributes(attrs)
    if title:
        attrs["page.title"] = title
    if not url:
        return
    attrs["page.url"] = url
    if "page.path" in program.attribute_names:
        attrs["page.path"] = address(url).path
    if program.query_names:
        query = address(url).query
        attrs.update(
            {f"page.query.{name}": query[name] for name in program.query_names & query.keys()}
        )


def _drop_page_attributes(attrs: dict[str, Value]) -> None:
    """Drop all `page.*`: most pages have no others than these three, so a second look finds nothing."""
    attrs.pop("page.title", None)
    attrs.pop("page.url", None)
    attrs.pop("page.path", None)
    for name in attrs:
        # Texts that begin with "page.", told apart without cutting each of them.
        if "page." <= name < "page/":
            break
    else:
        return
    for name in [name for name in attrs if name.startswith("page.")]:
        del attrs[name]


def _write_campaign(state: State, query: Mapping[str, str]) -> None:
    """Replace all five `utm.*` when the address has any of them."""
    if not any("utm_" + name in query for name in UTM_NAMES):
        return
    for name in UTM_NAMES:
        state.attrs.pop("utm." + name, None)
        if query.get("utm_" + name):
            state.attrs["utm." + name] = query["utm_" + name]


def _count(cell: object) -> int:
    assert isinstance(cell, int)
    return cell
