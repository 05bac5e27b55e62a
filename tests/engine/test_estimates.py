"""Time that nobody measured: a decision that used it says so, and no other does."""

import msgspec
import pytest

from engine.decision import DecisionRow
from engine.estimates import is_unmeasured
from engine.events import FOREIGN_ORIGINS, Event
from engine.rehearsal import Rehearsal
from engine.session import Tab
from engine.stores.codec import decode_row, encode_row
from engine.why import Scene, bare_record, record_of, why
from tests.engine.world import HELP, START_MS, visit

PAGE = "https://site.test/pricing"
UNTIMED = "attribute cart.total: money default $0\n" + HELP.replace(
    "time_on_page >= 45s", "cart.total >= $10"
)
TIMED = (
    "time_on_page >= 45s",
    "time_on_site >= 45s",
    "(time_on_page >= 15s) for 30s",
    'page "/pricing" and not time_on_page < 45s',
    "score >= 5",
)
TIMELESS = (
    "page_age >= 45s",
    "session_age >= 45s",
    "no click for 45s",
    "seen view",
    "scroll_depth >= 0%",
)


def stay(text: str, *, origin: str = "segment", **more: object) -> Rehearsal:
    """Let a visitor stay on the page for two minutes."""
    made = visit(text, **more)
    made.happen(0, made.event("view", 0, url=PAGE, origin=origin))
    return made


def said_by(made: Rehearsal) -> bool:
    """Return what all decisions say alike, once the visitor stayed for two minutes."""
    made.look(120_000)
    (said,) = {row.estimated for row in made.rows}
    return said


def on_time(condition: str, before: str = "") -> str:
    return before + HELP.replace("time_on_page >= 45s", condition)


# ---- which pages


@pytest.mark.parametrize("origin", sorted(FOREIGN_ORIGINS))
def test_time_on_another_tool_s_page_is_estimated(origin: str) -> None:
    assert said_by(stay(HELP, origin=origin)) is True


def test_time_on_our_own_widget_s_page_is_measured_from_its_first_second() -> None:
    assert said_by(stay(HELP, origin="widget")) is False


@pytest.mark.parametrize(
    ("name", "properties"),
    [("heartbeat", {"visible": True}), ("heartbeat", {}), ("show", {}), ("hide", {})],
)
@pytest.mark.parametrize("origin", ["segment", "widget"])
def test_a_tab_that_tells_what_it_sees_measures(
    name: str, properties: dict[str, object], origin: str
) -> None:
    made = stay(HELP)
    assert is_unmeasured(made.session.state)
    made.happen(1_000, made.event(name, 1_000, origin=origin, properties=properties))
    made.happen(2_000, made.event("view", 2_000, url=PAGE, origin="segment"))
    assert not is_unmeasured(made.session.state)


def test_that_a_page_was_left_measures_that_page_and_not_the_next() -> None:
    made = stay(HELP)
    left: dict[str, object] = {"dwell_ms": 900}
    made.happen(1_000, made.event("page_leave", 1_000, origin="posthog", properties=left))
    made.happen(2_000, made.event("view", 2_000, url=PAGE, origin="posthog"))
    assert said_by(made) is True


def test_the_current_tab_s_latest_page_counts() -> None:
    made = stay(HELP, origin="widget")
    made.happen(1_000, made.event("view", 1_000, url=PAGE, origin="segment"))
    assert said_by(made) is True
    made = stay(HELP)
    made.happen(1_000, made.event("view", 1_000, url=PAGE, origin="widget"))
    assert said_by(made) is False
    made = stay(HELP)
    made.happen(1_000, made.event("view", 1_000, url=PAGE, origin="widget", tab="another1"))
    assert said_by(made) is False


def test_a_tab_that_told_no_page_yet_is_the_teller_s() -> None:
    text = on_time("time_on_site >= 45s").replace('on page "/pricing"', "on any page")
    made = visit(text)
    made.happen(0, made.event("signed_up", 0, origin="segment"))
    assert said_by(made) is True


# ---- which rules


@pytest.mark.parametrize("condition", TIMED)
def test_a_rule_that_uses_visible_time_says_so(condition: str) -> None:
    assert said_by(stay(on_time(condition))) is True


@pytest.mark.parametrize("condition", TIMELESS)
def test_a_rule_that_uses_none_says_nothing(condition: str) -> None:
    assert said_by(stay(on_time(condition))) is False


@pytest.mark.parametrize(
    ("terms", "estimated"),
    [
        ("+1 per 5s of time_on_page up to 20", True),
        ("+1 per 5s of page_age up to 20", False),
        ("+10 when time_on_site >= 5s", True),
        ("+10 when seen view", False),
    ],
)
def test_a_score_counts_as_time_when_time_is_in_it(terms: str, estimated: bool) -> None:
    text = on_time("score >= 5", f"score {{\n  {terms}\n}}\n")
    assert said_by(stay(text)) is estimated


def test_what_keeps_a_rule_silent_counts_too() -> None:
    text = HELP.replace("time_on_page >= 45s", "page_age >= 45s\n  unless time_on_page >= 300s")
    assert said_by(stay(text)) is True


@pytest.mark.parametrize(("text", "estimated"), [(HELP, True), (on_time("seen view"), False)])
def test_a_suppressed_rule_says_it_as_well(text: str, estimated: bool) -> None:
    quiet = "policy {\n  first message after 120s\n}\n" + text
    made = stay(quiet)
    made.look(60_000)
    assert [(row.outcome, row.estimated) for row in made.rows] == [("suppressed", estimated)]


# ---- as it is read


def test_why_says_it_only_where_it_is_so() -> None:
    for origin, estimated in (("segment", True), ("widget", False)):
        made = stay(HELP, origin=origin)
        made.look(20_000)
        now_ms = made.start_ms + 20_000
        scene = Scene(made.program, made.session, made.profile, now_ms)
        shown = msgspec.to_builtins(why(scene, made.program.rules[0]))
        assert shown.get("estimated", False) is estimated
        assert ("estimated" in shown) is estimated


@pytest.mark.parametrize("estimated", [True, False])
def test_a_decision_is_explained_as_it_was_taken(estimated: bool) -> None:
    made = stay(HELP)
    scene = Scene(made.program, made.session, made.profile, made.start_ms)
    row = DecisionRow("dec_1", START_MS, "help", "sent", "fired", 1, estimated=estimated)
    for record in (bare_record(row), record_of(scene, row)):
        assert ("estimated" in msgspec.to_builtins(record)) is estimated


def test_rows_and_tabs_that_were_stored_before_are_read() -> None:
    row = DecisionRow("dec_1", START_MS, "help", "sent", "fired", 1)
    assert b"estimated" not in encode_row(row)
    assert decode_row(encode_row(row)) == row
    former = msgspec.msgpack.decode(msgspec.msgpack.encode(Tab()))[:-2]
    assert msgspec.convert(former, Tab) == Tab()


def test_a_repeat_from_the_journal_says_the_same() -> None:
    """What says it is folded: a late event of the tab is put in its place."""
    made = stay(HELP)
    made.happen(10_000, made.event("click", 10_000, origin="segment"))
    made.happen(11_000, made.event("show", 11_000, late_ms=3_000, origin="segment"))
    assert said_by(made) is False
    assert isinstance(made.session.tail[0], Event)
