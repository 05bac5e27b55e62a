"""Each gate closes and reopens as the table of LANGUAGE.md 10 says; seen through whole visits."""

from datetime import UTC, datetime

import pytest

from engine.decision import Gate
from engine.guardrails import rule_gates, session_gates
from engine.rehearsal import Rehearsal
from rules.facts import NEVER_MS
from tests.engine.world import HELP, visit

DAY_MS = 86_400_000
QUICK = HELP.replace("time_on_page >= 45s", "time_on_page >= 1s")


def policy(*clauses: str) -> str:
    return "policy {\n" + "\n".join(clauses) + "\n}\n" + QUICK


def looked(text: str, until_ms: int, **setting: object) -> Rehearsal:
    made = visit(text, **setting)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing"))
    made.look(until_ms)
    return made


def closed(made: Rehearsal, at_ms: int) -> dict[str, int]:
    now_ms = made.start_ms + at_ms
    rule = made.program.checked.rules[0]
    gates: list[Gate] = [
        *session_gates(made.program, made.session, made.profile, now_ms),
        *rule_gates(made.program, rule, made.session, made.profile, now_ms),
    ]
    return {
        gate.name: gate.reopens_ms
        if gate.reopens_ms == NEVER_MS
        else gate.reopens_ms - made.start_ms
        for gate in gates
    }


def sent(made: Rehearsal) -> list[int]:
    return [message.at_ms - made.start_ms for message in made.sent]


def test_the_first_message_waits_thirty_seconds() -> None:
    made = looked(QUICK, 5_000)
    assert closed(made, 5_000) == {"first_after": 30_000}
    made.look(60_000)
    assert sent(made) == [30_000]


def test_a_hidden_visitor_gets_nothing_until_a_tab_shows() -> None:
    made = looked(QUICK, 2_000)
    made.happen(3_000, made.event("hide", 3_000))
    made.look(60_000)
    assert closed(made, 60_000) == {"hidden": NEVER_MS}
    made.happen(70_000, made.event("show", 70_000))
    assert sent(made) == [70_000]


def test_a_page_of_the_never_list_stays_free() -> None:
    text = policy('never on page "/pricing"')
    made = looked(text, 60_000)
    assert closed(made, 60_000) == {"never_on": NEVER_MS}
    assert sent(made) == []


def test_quiet_hours_end_at_their_end() -> None:
    text = policy("quiet hours 22:00 to 07:00 in visitor time")
    made = looked(text, 60_000, clock="2026-01-14T06:59", timezone="UTC")
    assert sent(made) == [60_000]
    assert closed(looked(text, 1_000, clock="2026-01-14T23:00"), 1_000)["quiet"] == 8 * 3_600_000


def test_quiet_hours_follow_the_visitors_zone() -> None:
    text = policy("quiet hours 22:00 to 07:00 in visitor time")
    assert "quiet" in closed(
        looked(text, 1_000, timezone="Asia/Tokyo", clock="2026-01-14T14:00"), 1_000
    )
    assert "quiet" not in closed(looked(text, 1_000, timezone="Nowhere/Such"), 1_000)


def test_a_dismissal_pauses_for_a_day_and_a_chat_for_five_minutes() -> None:
    made = looked(QUICK, 30_000, dismissed_ago_ms=DAY_MS - 50_000)
    assert closed(made, 30_000) == {"cooldown": 50_000}
    made.look(60_000)
    assert sent(made) == [50_000]
    made = looked(HELP, 10_000)
    made.happen(10_000, made.event("visitor_message", 10_000, properties={"text": "hi"}))
    made.look(600_000)
    assert sent(made) == [310_000]


def test_an_expired_message_gives_its_place_and_its_pause_back_and_not_its_limit() -> None:
    other = QUICK.replace("rule help", "rule other").replace(
        "time_on_page >= 1s", "time_on_page >= 40s"
    )
    made = looked(QUICK + other, 31_000, displays=False)
    assert closed(made, 31_000) == {"cooldown": 90_000, "cap": NEVER_MS, "limit": NEVER_MS}
    made.look(300_000)
    assert [(m.at_ms - made.start_ms, m.message.rule) for m in made.sent] == [
        (30_000, "help"),
        (150_000, "other"),
    ]


def test_a_displayed_message_spends_the_cap_until_the_visitor_engages() -> None:
    other = QUICK.replace("rule help", "rule other")
    made = looked(QUICK + other, 100_000)
    assert sent(made) == [30_000]
    made.happen(100_000, made.event("visitor_message", 100_000, properties={"text": "hi"}))
    assert made.session.epoch == 1
    made.look(1_000_000)
    assert sent(made) == [30_000, 400_000]


def test_a_rolling_cap_counts_earlier_sessions_and_opens_with_the_oldest() -> None:
    text = policy("at most 1 per session unless engaged", "at most 2 per 7d")
    ago = [("help", 7 * DAY_MS - 90_000), ("help", DAY_MS)]
    made = looked(text, 31_000, messages_ago=ago)
    assert closed(made, 31_000) == {"cap": 90_000}
    made.look(200_000)
    assert sent(made) == [90_000]


def test_a_rules_own_limit_adds_to_the_cap() -> None:
    text = QUICK.replace("  say", "  limit 1 per 30d\n  say", 1)
    made = looked(text, 60_000, messages_ago=[("help", 29 * DAY_MS)])
    assert closed(made, 60_000) == {"limit": DAY_MS}
    assert sent(looked(text, 60_000, messages_ago=[("other", 29 * DAY_MS)])) == [30_000]


@pytest.mark.parametrize(
    ("clock", "gates"),
    [
        ("2026-04-30T23:59", {"active": 60_000}),
        ("2026-05-01T00:00", {}),
        ("2026-05-31T23:58", {}),
        ("2026-06-01T00:00", {"active": NEVER_MS}),
    ],
)
def test_a_rule_is_active_on_both_its_days(clock: str, gates: dict[str, int]) -> None:
    text = QUICK.replace("  say", "  active 2026-05-01 to 2026-05-31\n  say", 1)
    found = closed(looked(text, 40_000, clock=clock), 40_000)
    assert {name: at for name, at in found.items() if name == "active"} == gates


def test_a_rule_speaks_during_its_hours_on_its_days() -> None:
    text = QUICK.replace("  say", "  during 09:00 to 17:00 on mon in site time\n  say", 1)
    monday = datetime(2026, 1, 19, tzinfo=UTC)
    assert monday.isoweekday() == 1
    assert sent(looked(text, 120_000, clock="2026-01-19T08:59")) == [60_000]
    tuesday = looked(text, 40_000, clock="2026-01-20T12:00")
    assert closed(tuesday, 40_000)["during"] == 6 * DAY_MS - 3 * 3_600_000


def test_without_consent_nobody_is_approached() -> None:
    made = looked(QUICK, 1_000)
    made.happen(2_000, made.event("consent", 2_000, properties={"state": "denied"}))
    made.look(100_000)
    assert sent(made) == []
    made.happen(110_000, made.event("consent", 110_000, properties={"state": "granted"}))
    assert sent(made) == [110_000]
