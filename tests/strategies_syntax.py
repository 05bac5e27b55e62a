"""Random rule text that parses, in any layout: every clause, condition and step of the grammar."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Words = list[str]

NAMES = st.sampled_from(["plan", "cart_total", "a", "booking", "Xy_9", "seconds", "hot"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\\n\r', exclude_categories=["Cs"]),
    max_size=8,
).map(lambda text: f'"{text}"') | st.sampled_from(
    [r'"say \"hi\""', r'"back\\slash"', '"“curly”"', '"#"']
)
DURATIONS = st.sampled_from(["45s", "1m30s", "2h", "250ms", "30 seconds", "1 minute", "2 hours"])
NUMBERS = st.sampled_from(["5", "0.5", "-5", "+2", "$1,200", "$75", "60%", "2026-07-31"])
PAGES = NAMES | st.sampled_from(['"/a"', '"/docs/**"'])
OPS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
LITERALS = TEXTS | NUMBERS | DURATIONS | NAMES


def words(*parts: str | SearchStrategy[str] | SearchStrategy[Words]) -> SearchStrategy[Words]:
    """Put fixed words and drawn ones after each other."""
    drawn = [st.just([part]) if isinstance(part, str) else part.map(_listed) for part in parts]
    return st.tuples(*drawn).map(lambda lists: [word for one in lists for word in one])


def _listed(part: str | Words) -> Words:
    return [part] if isinstance(part, str) else part


def joined(
    part: SearchStrategy[str] | SearchStrategy[Words], by: str, least: int = 1
) -> SearchStrategy[Words]:
    """Draw several parts with a word between them."""

    def join(parts: list[str | Words]) -> Words:
        out = _listed(parts[0])
        for one in parts[1:]:
            out = [*out, by, *_listed(one)]
        return out

    return st.lists(part, min_size=least, max_size=3).map(join)


def maybe(part: SearchStrategy[Words]) -> SearchStrategy[Words]:
    """Draw a part or nothing."""
    return st.just([]) | part


def many(part: SearchStrategy[Words]) -> SearchStrategy[Words]:
    """Draw up to four parts after each other."""
    return st.lists(part, max_size=4).map(lambda parts: [word for one in parts for word in one])


REFS = NAMES | st.tuples(NAMES, NAMES).map(".".join) | st.just("page.query.ref")
DOTTED = st.tuples(NAMES, NAMES).map(".".join)
LISTS = words("[", joined(LITERALS, ","), "]")
FILTERS = (
    words(NAMES, OPS, LITERALS)
    | words(NAMES, "in", LISTS)
    | words(NAMES, "between", LITERALS, "and", LITERALS)
    | words(NAMES, "contains", TEXTS)
    | words(NAMES, "starts", "with", TEXTS)
)
PATTERNS = words(NAMES, maybe(words("of", PAGES)), maybe(words("(", joined(FILTERS, ","), ")")))
WINDOWS = words("in", "last", DURATIONS) | words("this", "session") | words("this", "page")
TAILS = words("in", "last", DURATIONS) | words("then", "no", PATTERNS, "for", DURATIONS)
ATOMS = (
    words(REFS, OPS, LITERALS | DOTTED)
    | words(REFS, "in", LISTS | NAMES)
    | words(REFS, "not", "in", LISTS | NAMES)
    | words(REFS, "between", LITERALS, "and", LITERALS)
    | words(REFS, "contains", TEXTS)
    | words(REFS, "starts", "with", TEXTS)
    | words(REFS, "matches", TEXTS)
    | words(REFS, "is", st.sampled_from(["known", "unknown"]))
    | words(REFS)
    | words("page", joined(PAGES, ","))
    | words("seen", joined(PATTERNS, "then"), maybe(TAILS))
    | words("seen", joined(PATTERNS, "then", 2), "within", DURATIONS)
    | words("at", st.sampled_from(["least", "most"]), "3", PATTERNS, maybe(WINDOWS))
    | words("no", PATTERNS, "for", DURATIONS)
)


def _deeper(inner: SearchStrategy[Words]) -> SearchStrategy[Words]:
    closed = words("(", inner, ")")
    unary = ATOMS | closed | words("not", closed) | words("(", inner, ")", "for", DURATIONS)
    return joined(unary, "and", 2) | joined(unary, "or", 2) | words("not", ATOMS)


CONDITIONS = st.recursive(ATOMS, _deeper, max_leaves=6)
ACTIONS = words(
    st.sampled_from(["say", "ask", "open", "handoff", "quote", "schedule", "call", "dismiss"]),
    maybe(words(TEXTS)),
)
REPLIES = words("reply", TEXTS, "->", ACTIONS, maybe(words("as", NAMES)))
MESSAGES = words("say", TEXTS, many(REPLIES))
SCOPES = words("session") | words("visitor") | words(DURATIONS)
CLOCKS = words(st.sampled_from(["visitor", "site"]), "time")
CLAUSES = (
    words(st.sampled_from(["about", "owner"]), TEXTS)
    | words("tags", joined(NAMES, ","))
    | words(st.sampled_from(["on", "except"]), "page", joined(PAGES, ","))
    | words("on", "any", "page")
    | words(st.sampled_from(["when", "unless"]), CONDITIONS)
    | words("priority", "60")
    | words("limit", "1", "per", SCOPES)
    | words("active", "2026-01-01", "to", "2026-12-31")
    | words("during", "09:00", "to", "17:00", maybe(words("on", joined(NAMES, ","))), "in", CLOCKS)
    | words("expires", "after", DURATIONS)
    | words("assistant", NAMES | TEXTS)
    | words("holdout", "10%")
    | words("allow", "OP307", "because", TEXTS)
    | words("variant", NAMES, "50%", "{", MESSAGES, "}")
    | MESSAGES
)
POLICY = (
    words("first", "message", "after", DURATIONS)
    | words("at", "most", "2", "per", SCOPES, maybe(words("unless", "engaged")))
    | words("wait", DURATIONS, "after", st.sampled_from(["dismiss", "message", "chat"]))
    | words("quiet", "hours", "22:00", "to", "07:00", "in", CLOCKS)
    | words("never", "on", "page", joined(PAGES, ","))
    | words("holdout", "5%", "by", st.sampled_from(["visitor", "session", "company"]))
)
SCORE = (
    words("start", "5")
    | words("+2", "when", CONDITIONS)
    | words("-0.5", "per", DURATIONS, "of", "time_on_page", "up", "to", "20")
    | words("+2", "per", PATTERNS, "up", "to", "1.5")
)
TYPES = st.sampled_from([["text"], ["number"], ["yes_no"], ["money"], ["date"]]) | words(
    "one_of", LISTS
)
PRESENCE = maybe(words("optional") | words("default", TEXTS | NUMBERS))
ANSWERS = (
    words("asked", joined(TEXTS, ","))
    | words("asked", "anything")
    | words("on", "page", PAGES)
    | MESSAGES
)
GIVENS = (
    words("given", "clock", TEXTS)
    | words("given", "timezone", TEXTS)
    | words("given", "variant", NAMES, "=", NAMES)
    | words("given", st.sampled_from(["holdout", "display"]), NAMES)
    | words("given", "message", "from", NAMES, DURATIONS, "ago")
    | words("given", "dismiss", DURATIONS, "ago")
    | words("given", REFS, "=", LITERALS)
)
HAPPENINGS = (
    words(st.sampled_from(["view", "click", "says", "reply"]), TEXTS)
    | words("scroll", "40%")
    | words(st.sampled_from(["hide", "show", "dismiss", "duplicate"]))
    | words("event", NAMES, maybe(words("(", joined(words(NAMES, "=", LITERALS), ","), ")")))
    | words("set", REFS, "=", LITERALS)
)
EXPECTATIONS = (
    words("message", "from", NAMES, maybe(words("variant", NAMES)))
    | words("no", "message")
    | words("score", OPS, "40")
    | words("text", "contains", TEXTS)
    | words("blocked", NAMES, "by", NAMES)
    | words(st.sampled_from(["expired", "answer"]), NAMES)
)
STEPS = words(
    "at", DURATIONS, HAPPENINGS | words("late", "5s", HAPPENINGS) | words("expect", EXPECTATIONS)
)


BLOCKS = (
    words("import", TEXTS)
    | words("site", TEXTS, "timezone", TEXTS)
    | words("attribute", REFS, ":", TYPES, PRESENCE)
    | words("event", NAMES, "{", many(words(NAMES, ":", TYPES, PRESENCE)), "}")
    | words("pages", NAMES, "=", joined(PAGES, ","))
    | words("set", NAMES, "=", LISTS)
    | words("define", NAMES, "=", CONDITIONS)
    | words("goal", NAMES, "=", joined(PATTERNS, ","), maybe(words("within", DURATIONS)))
    | words("policy", "{", many(POLICY), "}")
    | words("score", maybe(words("likelihood")), "{", many(SCORE), "}")
    | words("rule", NAMES, maybe(words(TEXTS)), "{", many(CLAUSES), "}")
    | words("answer", NAMES, maybe(words(TEXTS)), "{", many(ANSWERS), "}")
    | words("test", TEXTS, "{", many(GIVENS), many(STEPS), "}")
)
GAPS = st.sampled_from(
    [" ", " ", " ", "\n", "\n\n\n", "\t", "\r\n  ", " # why\n", "\n#note\n", "#\n"]
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Draw a whole file: blocks in any order, and anything that may stand between two words."""
    blocks = draw(st.lists(BLOCKS, max_size=4))
    out = []
    for word in (word for block in blocks for word in block):
        out.append(word)
        out.append(draw(GAPS))
    return "".join(out)
