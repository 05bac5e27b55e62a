"""For each block, the words a clause may begin with, and a line of each that passes."""

_MESSAGE = {
    "say": 'say "Can I help you with that?"',
    "reply": 'reply "Not now" -> dismiss',
}
_SHARED = {
    "about": 'about "Someone who compares plans wants a short answer."',
    "owner": 'owner "sales@shop.example"',
    "on": 'on page "/pricing"',
    "allow": 'allow OP307 because "legal text"',
}

SAMPLES: dict[str, dict[str, str]] = {
    "top": {
        "import": 'import "shared/base.rules"',
        "site": 'site "my-shop" timezone "UTC"',
        "attribute": "attribute cart.total: money default $0",
        "event": "event plan_toggle {}",
        "pages": 'pages pricing = "/pricing", "/pricing/**"',
        "set": 'set our_zips = ["60601", "60602"]',
        "define": "define long_read = time_on_page >= 60s",
        "goal": "goal bought = purchase",
        "policy": "policy {",
        "score": "score {",
        "rule": 'rule pricing_help "Pricing help" {',
        "answer": 'answer cost "What does it cost?" {',
        "test": 'test "45 seconds on pricing" {',
    },
    "policy": {
        "first": "first message after 30s",
        "at": "at most 1 per session unless engaged",
        "wait": "wait 24h after dismiss",
        "quiet": "quiet hours 22:00 to 07:00 in visitor time",
        "never": 'never on page "/checkout/**"',
        "holdout": "holdout 5% by visitor",
        "allow": 'allow OP301 because "a test site"',
    },
    "score": {"start": "start 5", "+": "+10 when scroll_depth >= 60%"},
    "event": {"field": "seats: number"},
    "rule": {
        **_SHARED,
        "tags": "tags pricing, sales",
        "except": 'except page "/pricing/thanks"',
        "when": "when time_on_page >= 45s",
        "unless": "unless seen purchase",
        "priority": "priority 60",
        "limit": "limit 1 per 30d",
        "active": "active 2026-05-01 to 2026-07-31",
        "during": "during 09:00 to 17:00 on mon, tue, wed, thu, fri in site time",
        "expires": "expires after 2m",
        "assistant": "assistant primary",
        "holdout": "holdout 10%",
        "variant": "variant short 50% {",
        **_MESSAGE,
    },
    "variant": _MESSAGE,
    "answer": {**_SHARED, "asked": 'asked "what does it cost"', **_MESSAGE},
    "test": {"given": 'given clock "2026-03-02T14:00"', "at": "at 45s expect no message"},
}

BLOCK_WORDS = frozenset(SAMPLES["top"])
BRACED = frozenset({"event", "policy", "score", "rule", "answer", "test"})
CLAUSE_WORDS = frozenset(
    word for context, words in SAMPLES.items() if context != "top" for word in words
) - {"+", "field"}

# A line that begins with one of these goes on with the clause above it.
CONTINUING = frozenset({"and", "or", "then", "within", "in", "for", "of", "up", "as", "to", "with"})

# Every word of the grammar that is no name.
KEYWORDS = (
    BLOCK_WORDS
    | CLAUSE_WORDS
    | CONTINUING
    | frozenset(
{
            "after", "ago", "any", "anything", "ask", "because", "between", "blocked", "by",
            "call", "chat", "click", "clock", "company", "contains", "default", "dismiss",
            "display", "duplicate", "engaged", "event", "expect", "expired", "from", "handoff",
            "hide", "hours", "is", "known", "last", "late", "least", "likelihood", "matches",
            "message", "money", "most", "no", "not", "number", "one_of", "open", "optional",
            "page", "per", "quote", "says", "schedule", "scroll", "seen", "session", "show",
            "starts", "text", "this", "time", "timezone", "unknown", "view", "visitor", "date",
            "yes_no",
        }
    )
)  # fmt: skip
