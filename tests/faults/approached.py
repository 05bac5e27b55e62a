"""Visitors who read, answer or ignore: the rules they meet, what each does, and what each is to get."""

from typing import Literal

from tests.faults.judge import Held

Kind = Literal["reads", "answers", "ignores"]
KINDS: tuple[Kind, ...] = ("reads", "answers", "ignores")

EXPECTED: dict[Kind, dict[int, int]] = {"reads": {0: 1}, "answers": {0: 1, 1: 1}, "ignores": {0: 2}}
"""Messages by engagement epoch. Three rules hold for everybody; what is ignored expires, once."""

PAGES: dict[Kind, str] = {"reads": "/pricing", "answers": "/pricing", "ignores": "/offers"}
WORDS = "Which plan is it?"

_POLICY = """
policy {
  first message after 1s
  wait 0s after message
  wait 0s after chat
  allow OP301 because "a test does not wait half a minute"
}
"""
_RULE = """
rule NAME "NAME" {
  on page "PAGE"
  when time_on_page >= DUEs
  expires after EXPIRY
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
}
"""


def rules(due_s: int) -> str:
    """Write three rules for each page, all due at once; the first for who ignores expires as soon again."""
    texts = []
    for name, page, expiry in (
        ("help", "/pricing", "2m"),
        ("more", "/pricing", "2m"),
        ("third", "/pricing", "2m"),
        ("brief", "/offers", f"{due_s}s"),
        ("offer", "/offers", "2m"),
        ("final", "/offers", "2m"),
    ):
        text = _RULE.replace("NAME", name).replace("PAGE", page)
        texts.append(text.replace("DUE", str(due_s)).replace("EXPIRY", expiry))
    return _POLICY + "".join(texts)


def kind_of(name: str) -> Kind:
    """Tell what a visitor does, by the number at the end of the session's or the visitor's name."""
    return KINDS[int(name.rpartition("-")[2]) % len(KINDS)]


def as_due(held: Held) -> list[str]:
    """Name the sessions that got exactly the messages that they are to get."""
    counts: dict[str, dict[int, int]] = {session: {} for session in held.visitors}
    for (session, epoch), ids in held.messages.items():
        counts[session][epoch] = len(ids)
    return [
        session for session, by in counts.items() if by == EXPECTED[kind_of(held.visitors[session])]
    ]


def withdrawn_twice(held: Held) -> list[str]:
    """Name the messages that gave their place of the cap back more than once."""
    return sorted(message for message, count in held.withdrawn.items() if count > 1)
