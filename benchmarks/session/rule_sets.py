"""The rules of the log's sites: the three example packs, or as many generated ones as wanted."""

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.session.visits import BROWSING, Site

EXAMPLES = Path(__file__).parents[2] / "tests" / "cases" / "examples"


@dataclass(frozen=True, slots=True)
class RuleText:
    """A site and the text of its rules by file name."""

    site: Site
    texts: dict[str, str]


def example_packs() -> tuple[RuleText, ...]:
    """Return the three example packs with what visitors of their sites do."""
    return (
        RuleText(HVAC, _read("hvac.rules")),
        RuleText(SAAS, _read("saas_pricing.rules")),
        RuleText(CART, _read("cart.rules")),
    )


def _read(name: str) -> dict[str, str]:
    return {name: (EXAMPLES / name).read_text(encoding="utf-8")}


HVAC = Site(
    "hvac",
    "www.northside.example",
    {
        "/": 4,
        "/services/ac-repair": 5,
        "/services/furnace-repair": 4,
        "/services/drain-repair?utm_source=ads": 2,
        "/no-heat": 2,
        "/install/heat-pump": 4,
        "/financing": 3,
        "/careers/technician": 1,
        "/about": 2,
    },
    BROWSING
    | {
        "phone_click": (3, ({},)),
        "booking_started": (3, ({"service": "ac"}, {})),
    },
    {
        "visitor.zip": ("60601", "60614", "94110"),
        "visitor.first_name": ("Ana", "Bo"),
        "weather.outdoor_temp": (-5, 20, 60),
    },
)
SAAS = Site(
    "saas",
    "ledgerly.example",
    {"/": 4, "/pricing": 6, "/pricing/annual": 2, "/plans": 2, "/features": 4, "/docs/start": 3},
    BROWSING
    | {
        "plan_toggle": (6, ({},)),
        "roi_calculator": (4, ({"seats": 5}, {"seats": 25}, {"seats": 60})),
    },
    {"visitor.plan": ("none", "trial", "paid")},
)
CART = Site(
    "cart",
    "fernwood.example",
    {"/": 3, "/p/rain-shell": 5, "/p/boots": 4, "/collections/winter": 4, "/cart": 6,
     "/checkout/payment": 1},
    BROWSING
    | {
        "add_to_cart": (6, ({"price": 120.0}, {"price": 40.0})),
        "checkout_start": (3, ({"total": 120.0},)),
        "coupon_failed": (3, ({"code": "WINTER"},)),
        "coupon_applied": (1, ({},)),
    },
    {"cart.total": (40, 80, 120), "cart.items": (1, 3), "visitor.first_name": ("Ana",)},
)  # fmt: skip

_HEAD = """site "generated" timezone "UTC"

attribute cart.total: money default $0
attribute visitor.plan: one_of ["none", "trial", "paid"] default "none"
attribute visitor.zip: text optional

event plan_toggle {}
event coupon_failed {}
event phone_click {}

policy {
  first message after 20s
  at most 1 per session unless engaged
  at most 3 per 7d
  wait 1d after dismiss
  never on page "/checkout/**"
  holdout 10% by visitor
}

score {
  start 5
  +1 per 5s of time_on_page up to 15
  +8 per view up to 32
  +12 per add_to_cart up to 24
  +20 when cart.total >= $100
  -20 when no activity for 60s
}
"""
_WORDS = """  say "Can I help you with this?"
    reply "Yes, please" -> ask "What are you looking for?"
    reply "Just looking" -> dismiss
}
"""


def generated_rules(count: int, groups: int, random_source: random.Random) -> tuple[RuleText, ...]:
    """Write rules of four or five conditions, spread evenly over page groups."""
    site = Site(
        "generated",
        "shop.example",
        {f"/g{group}/p{page}": 1 for group in range(groups) for page in range(3)}
        | {"/checkout/payment": 1 + groups // 20},
        BROWSING
        | {
            "add_to_cart": (5, ({"price": 120.0}, {"price": 40.0})),
            "plan_toggle": (3, ({},)),
            "coupon_failed": (2, ({},)),
            "phone_click": (1, ({},)),
        },
        {"cart.total": (40, 120), "visitor.plan": ("trial", "paid"), "visitor.zip": ("60601",)},
    )
    texts = {"head.rules": _HEAD}
    for start in range(0, count, 500):
        numbers = range(start, min(start + 500, count))
        rules = [_rule(number, number % groups, random_source) for number in numbers]
        texts[f"rules{start:05}.rules"] = "\n".join(rules)
    return (RuleText(site, texts),)


def _rule(number: int, group: int, random_source: random.Random) -> str:
    pick = random_source.choice
    asked = [
        f"time_on_page >= {pick((15, 25, 40, 60))}s",
        f"scroll_depth >= {pick((40, 60, 75))}%",
        f"score >= {pick((20, 30, 40))}",
        f"at least {pick((2, 3))} view in last {pick((60, 120, 300))}s",
        f"no activity for {pick((8, 15, 30))}s",
        f"seen add_to_cart then plan_toggle within {pick((30, 90))}s",
        f"(score >= {pick((25, 35))}) for {pick((5, 10))}s",
        "cart.total >= $75",
        'visitor.plan != "paid"',
        "visitor.zip is known",
    ]
    tests = random_source.sample(asked, random_source.choice((4, 5)))
    unless = f"  unless seen {pick(('coupon_failed', 'phone_click'))}\n" if number % 3 == 0 else ""
    return (
        f'rule r{number} "Rule {number}" {{\n  on page "/g{group}/**"\n'
        f"  when {' and '.join(tests)}\n{unless}  priority {pick((30, 50, 70))}\n{_WORDS}"
    )
