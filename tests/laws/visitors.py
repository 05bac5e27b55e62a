"""Random visitors for the laws of the engine: timelines of events with whole-second times."""

from dataclasses import dataclass

from hypothesis import strategies as st

from engine.events import Event

PATHS = ("/pricing", "/pricing/teams", "/cart", "/p/tent", "/features", "/checkout/done", "/")
START_MS = 1_750_000_000_000
SHOP_NAMES = ("add_to_cart", "remove_from_cart", "checkout_start", "purchase")
LINES = ({}, {"price": 19.99, "quantity": 2}, {"price": "40"}, {"cart_total": 75})

RULES = """
site "laws" timezone "America/Chicago"
attribute visitor.plan: one_of ["none", "trial", "paid"] default "none"
attribute cart.total: money default $0
attribute visitor.company: text optional
event plan_toggle {}
event calculator { seats: number }
pages pricing = "/pricing", "/pricing/**"
pages shop = "/p/**", "/cart"
policy {
  first message after 10s
  at most 1 per session unless engaged
  at most 4 per 7d
  wait 20s after dismiss
  wait 5s after message
  wait 15s after chat
  never on page "/checkout/**"
  allow OP301 because "laws run on short visits"
  allow OP310 because "laws run on short visits"
}
score {
  +2 per 5s of time_on_page up to 20
  +10 per view of pricing up to 30
  +15 when seen plan_toggle
  -15 when no activity for 20s
}
rule undecided "Pricing again" {
  on page pricing
  when at least 2 view of pricing in last 60s and time_on_page >= 8s
  unless visitor.plan = "paid"
  priority 60
  say "Which pricing plan fits you?"
    reply "Compare" -> say "Starter or Team?"
    reply "No"      -> dismiss
}
rule stalled "Cart, then nothing" {
  on page shop
  when seen add_to_cart then no checkout_start for 15s and cart.total >= $75
  priority 70
  say "Still deciding on your cart?"
    reply "Sizes" -> ask "Which item?"
    reply "No"    -> dismiss
}
rule keen "A keen visitor" {
  on page pricing, shop
  when (score >= 25) for 6s
  limit 2 per session
  priority 50
  say "Shall we talk about pricing or the cart?"
    reply "Yes" -> handoff
    reply "No"  -> dismiss
}
rule toggled "Plan toggled twice" {
  on page pricing
  when seen plan_toggle then plan_toggle within 20s
  priority 80
  say "Two pricing plans in mind?"
    reply "Yes" -> ask "Which ones?"
    reply "No"  -> dismiss
}
"""

UNHEARD = """
rule unheard "Never met" {
  on page "/nowhere/**"
  when time_on_page >= 1s and seen form_submit
  priority 100
  say "Are you nowhere?"
    reply "Yes" -> say "Good."
    reply "No"  -> dismiss
}
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Events that arrive together `at_ms` after the start."""

    at_ms: int
    events: tuple[Event, ...]


def _event(draw: st.DrawFn, number: int, at_ms: int, late_ms: int) -> Event:
    name = draw(
        st.sampled_from(
            ["view", "view", "view", "scroll", "click", "hide", "show", "plan_toggle", "calculator",
             "add_to_cart", "checkout_start", "activity", "set", "visitor_message", "remove_from_cart",
             "purchase"]
        )
    )  # fmt: skip
    given: dict[str, object] = {}
    if name == "view":
        given["url"] = "https://laws.test" + draw(st.sampled_from(PATHS))
    elif name == "scroll":
        given["properties"] = {"depth": draw(st.integers(0, 100))}
    elif name == "set":
        given["attributes"] = draw(
            st.sampled_from(
                [
                    {"cart.total": 120},
                    {"cart.total": 10},
                    {"visitor.plan": "paid"},
                    {"visitor.plan": "trial"},
                ]
            )
        )
    elif name == "visitor_message":
        given["properties"] = {"text": "hello"}
    elif name in SHOP_NAMES:
        given["origin"] = draw(st.sampled_from(["widget", "segment"]))
        given["properties"] = draw(st.sampled_from(LINES))
    own_ms = max(0, at_ms - late_ms)
    return Event(f"pageload-{number}", name, START_MS + own_ms, sequence=number, **given)  # type: ignore[arg-type]


@st.composite
def visits(draw: st.DrawFn, *, late: bool = False) -> list[Arrival]:
    """Draw a visit of up to 25 arrivals; with `late`, events come up to 15 s after they happened."""
    count = draw(st.integers(2, 25))
    at_ms = 0
    number = 0
    arrivals: list[Arrival] = []
    for place in range(count):
        at_ms += 1_000 * draw(st.sampled_from([0, 1, 2, 3, 5, 8, 15, 30])) if place else 0
        batch: list[Event] = []
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
            number += 1
            late_ms = 1_000 * draw(st.sampled_from([0, 0, 0, 1, 4, 9, 12])) if late and place else 0
            batch.append(_event(draw, number, at_ms, late_ms))
        arrivals.append(Arrival(at_ms, tuple(batch)))
    return arrivals
