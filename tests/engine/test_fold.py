"""What one event changes: fields as filters read them, attributes, late counts."""

from engine.rehearsal import Rehearsal
from tests.engine.world import HELP, visit

COUNTED = HELP.replace("time_on_page >= 45s", 'seen view of "/features" and time_on_page >= 1s')


def on_pricing(text: str) -> Rehearsal:
    made = visit(text)
    made.happen(0, made.event("view", 0, url="https://site.test/pricing", title="Our Pricing"))
    return made


def test_a_views_own_fields_can_be_filtered() -> None:
    text = HELP.replace(
        "time_on_page >= 45s", 'seen view(title contains "pricing", path = "/pricing")'
    )
    made = on_pricing(text)
    made.look(60_000)
    assert len(made.sent) == 1


def test_a_view_that_is_too_late_counts_on_the_page_it_names() -> None:
    made = on_pricing(COUNTED)
    view = made.event("view", 40_000, late_ms=20_000, url="https://site.test/features")
    made.happen(40_000, view)
    assert made.session.state.page_key == "site.test/pricing"
    assert made.session.late_events == 1
    assert len(made.sent) == 1


def test_a_view_that_is_too_late_does_not_count_elsewhere() -> None:
    made = on_pricing(COUNTED)
    view = made.event("view", 40_000, late_ms=20_000, url="https://site.test/other")
    made.happen(40_000, view)
    assert made.sent == []


def test_a_site_may_call_its_own_event_as_the_engine_calls_one_of_its() -> None:
    rules = "event session_start {}\n" + HELP.replace("time_on_page >= 45s", "seen session_start")
    made = on_pricing(rules)
    made.happen(40_000, made.event("session_start", 40_000))
    assert len(made.sent) == 1


def test_a_value_that_does_not_fit_is_dropped_and_counted() -> None:
    made = on_pricing(
        "attribute cart.total: money default $0\n"
        + HELP.replace("time_on_page", "cart.total = $5 or time_on_page").replace(
            "or time_on_page >= 45s", "or time_on_page >= 50s"
        )
    )
    before = made.session.values_rejected
    made.happen(1_000, made.event("set", 1_000, attributes={"cart.total": 5, "nowhere": 1}))
    made.happen(
        2_000, made.event("set", 2_000, attributes={"cart.total": "much", "device": "toaster"})
    )
    assert made.session.state.attrs["cart.total"] == 500
    assert made.session.values_rejected - before == 3
    made.happen(3_000, made.event("set", 3_000, attributes={"cart.total": None}))
    assert "cart.total" not in made.session.state.attrs
