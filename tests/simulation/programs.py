"""The rule sets that the simulated site publishes in turn: small, quick to speak, with caps of both kinds."""

from functools import cache

from rules.compiler.program import Program
from tests.engine.world import program_of

_HEAD = """
site "sim" timezone "UTC"
attribute cart.total: money default $0
policy {
  first message after 1s
  at most %s per session unless engaged
  at most 3 per 7d
  wait 2s after message
  wait 3s after dismiss
  allow OP301 because "simulated visits are short"
  allow OP310 because "simulated visits are short"
}
"""
_PRICING = """
rule pricing "Reads about prices" {
  on page "/pricing"
  when time_on_page >= 2s
  priority 60
  expires after 20s
  say "Questions about prices?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""
_CART = """
rule cart "Waits with a cart" {
  on page "/cart"
  when seen add_to_cart then no checkout_start for 3s
  priority 70
  limit 3 per session
  say "Still deciding on the cart?"
    reply "Help" -> handoff
    reply "No"   -> dismiss
}
"""
_AGAIN = """
rule again "Comes again" {
  on page "/pricing", "/cart"
  when at least 2 view of "/pricing" in last 30s
  priority 80
  say "Looking at prices again?"
    reply "Yes" -> ask "For how many?"
    reply "No"  -> dismiss
}
"""
TEXTS = (
    _HEAD % "1" + _PRICING + _CART,
    _HEAD % "2" + _CART + _AGAIN + _PRICING.replace("2s", "3s"),
    _HEAD % "1" + _AGAIN.replace("30s", "60s"),
)


@cache
def programs() -> tuple[Program, ...]:
    """Compile the rule sets, once a process."""
    return tuple(program_of(text) for text in TEXTS)


def session_cap(program: Program) -> int:
    """Return how many messages a session may get in one engagement epoch."""
    return min(cap.number for cap in program.checked.policy.caps if cap.scope == "session")
