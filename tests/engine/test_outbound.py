"""The table of API.md 3.2, row by row."""

import pytest

from engine.effect import Effect
from engine.offers import Offer
from engine.rehearsal import Rehearsal
from engine.runtime_types import Draft, Refused
from engine.step import step
from tests.engine.world import HELP, SECRET, visit

NEVER = 'policy {\n  never on page "/checkout/**"\n  holdout 10% by visitor\n}\n'
QUIET = "policy {\n  quiet hours 11:00 to 13:00 in site time\n}\n"


def browsing(path: str, at_ms: int, text: str = HELP, **setting: object) -> Rehearsal:
    made = visit(text, **setting)
    made.happen(0, made.event("view", 0, url=f"https://site.test{path}"))
    made.look(at_ms)
    return made


def offer(made: Rehearsal, at_ms: int, *, sockets: int = 1, **draft: object) -> Effect:
    given = Offer(made.start_ms + at_ms, f"evt_{at_ms}", Draft("Hello!", **draft), sockets)  # type: ignore[arg-type]
    return step(made.program, made.session, made.profile, given, SECRET)


def refused(effect: Effect) -> Refused:
    assert effect.refused is not None
    assert effect.messages == []
    return effect.refused


def test_consent_denied_is_refused() -> None:
    made = browsing("/x", 40_000)
    made.happen(40_000, made.event("consent", 40_000, properties={"state": "denied"}))
    assert refused(offer(made, 41_000)).reason == "no_consent"


def test_an_engaged_visitor_gets_an_ordinary_message_whatever_the_policy_says() -> None:
    made = browsing("/x", 1_000)
    made.happen(2_000, made.event("visitor_message", 2_000, properties={"text": "hi"}))
    effect = offer(made, 3_000)
    assert [m.kind for m in effect.messages] == ["chat"]
    assert effect.spend == 0


def test_an_excluded_page_and_an_unrelated_one_are_refused_with_the_current_page() -> None:
    found = refused(offer(browsing("/checkout/pay", 40_000, NEVER + HELP), 40_000))
    assert (found.reason, found.current_page) == ("excluded_page", "https://site.test/checkout/pay")
    page = {"page_url": "https://site.test/ac-repair"}
    found = refused(offer(browsing("/other", 40_000), 40_000, trigger=page))
    assert (found.reason, found.field) == ("page_mismatch", "trigger.page_url")


@pytest.mark.parametrize(
    "url", ["https://www.other.test/AC-Repair/?a=1#x", "https://site.test/ac/2"]
)
def test_equal_pages_and_pages_of_one_block_are_related(url: str) -> None:
    text = 'pages ac = "/ac-repair", "/ac/**"\n' + HELP.replace('"/pricing"', "ac")
    made = browsing("/ac-repair", 31_000, text)
    assert offer(made, 31_000, trigger={"page_url": url}).refused is None


def test_the_second_message_of_a_session_is_refused_for_good() -> None:
    made = browsing("/x", 40_000)
    assert offer(made, 40_000).offered is not None
    found = refused(offer(made, 41_000))
    assert (found.reason, found.scope, found.retry_after_s) == ("frequency_cap", "session", None)


def test_a_rolling_cap_tells_when_to_come_back() -> None:
    text = "policy {\n  at most 2 per session\n  at most 1 per 7d\n}\n" + HELP
    made = browsing("/x", 40_000, text, messages_ago=[("help", 6 * 86_400_000)])
    found = refused(offer(made, 40_000))
    assert (found.reason, found.scope, found.retry_after_s) == ("frequency_cap", "visitor", 86_360)


def test_a_running_pause_is_refused_with_its_rest() -> None:
    found = refused(offer(browsing("/x", 40_000, dismissed_ago_ms=3_600_000), 40_000))
    assert (found.reason, found.retry_after_s) == ("cooldown", 82_760)


def test_a_held_out_visitor_is_shown_nothing_and_spends_the_cap() -> None:
    made = browsing("/x", 40_000, NEVER + HELP, is_held_out=True)
    effect = offer(made, 40_000)
    assert effect.offered is not None
    assert (effect.offered.outcome, effect.messages, effect.spend) == ("held_out", [], 1)
    assert offer(made, 41_000).refused is not None


def test_too_early_is_held_until_the_window_opens_or_refused() -> None:
    made = browsing("/x", 1_000)
    found = refused(offer(made, 5_000, deliver="now_or_fail"))
    assert (found.reason, found.retry_after_s) == ("too_early", 25)
    effect = offer(made, 5_000)
    assert effect.offered is not None
    assert effect.offered.held_until_ms == made.start_ms + 30_000
    assert effect.offered.expires_ms == made.start_ms + 150_000
    made.look(30_000)
    assert [sent.at_ms - made.start_ms for sent in made.sent] == [30_000]


def test_the_callers_word_on_the_time_on_page_counts() -> None:
    effect = offer(browsing("/x", 1_000), 5_000, trigger={"time_on_page": 45})
    assert len(effect.messages) == 1


def test_a_held_message_whose_page_no_longer_fits_ends_as_expired() -> None:
    made = browsing("/ac", 1_000)
    effect = offer(made, 5_000, trigger={"page_url": "https://site.test/ac"})
    made.happen(10_000, made.event("view", 10_000, url="https://site.test/elsewhere"))
    made.look(60_000)
    assert effect.offered is not None
    assert (effect.offered.outcome, made.sent) == ("expired", [])


def test_quiet_hours_hold_or_refuse() -> None:
    made = browsing("/x", 40_000, QUIET + HELP)
    assert refused(offer(made, 40_000, deliver="now_or_fail")).reason == "quiet_hours"
    effect = offer(made, 40_000)
    assert effect.offered is not None
    assert effect.offered.held_until_ms == made.start_ms + 3_600_000


def test_now_or_fail_refuses_an_absent_visitor() -> None:
    made = browsing("/x", 200_000)
    assert (
        refused(offer(made, 200_000, sockets=0, deliver="now_or_fail")).reason == "visitor_offline"
    )
    assert offer(made, 200_000, sockets=0).offered is not None


def test_an_override_opens_what_it_names_and_nothing_else() -> None:
    made = browsing("/x", 1_000)
    assert len(offer(made, 2_000, override=("first_message_delay",)).messages) == 1
    assert refused(offer(made, 3_000, override=("cooldown",))).reason == "frequency_cap"
    assert (
        len(
            offer(
                made, 4_000, override=("frequency_cap", "cooldown", "first_message_delay")
            ).messages
        )
        == 1
    )


def test_a_placeholder_without_value_and_fallback_is_refused() -> None:
    made = browsing("/x", 40_000)
    given = Offer(made.start_ms + 40_000, "evt_1", Draft("Hi {name}!"), 1)
    effect = step(made.program, made.session, made.profile, given, SECRET)
    assert refused(effect) == Refused("personalization_missing", field="message")
    draft = Draft("Hi {name}, {{ok} {n | none}", personalization={"name": "Ann {x}"})
    effect = step(
        made.program,
        made.session,
        made.profile,
        Offer(made.start_ms + 41_000, "evt_2", draft, 1),
        SECRET,
    )
    assert effect.messages[0].text == "Hi Ann {x}, {ok} none"
