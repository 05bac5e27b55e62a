"""Messages: texts with placeholders, quick replies and what their buttons do."""

from dataclasses import replace

from rules.checked import MessagePlan, Placeholder, ReplyPlan, Template
from rules.diagnostics import Edit, Fix, diagnose, with_fix
from rules.nodes import Ref, Reply, Say, Text
from rules.resolver.comparisons import attribute_of
from rules.resolver.findings import Findings
from rules.resolver.literals import quoted
from rules.resolver.scope import Scope
from rules.schema import COMPUTED
from rules.span import Span
from rules.template import BraceProblem, PlaceholderText, parse_template, slug

SAY_LEN_MAX = 2_000
REPLY_LEN_MAX = 40

_NEEDS_TEXT = {
    "say": "what the assistant answers",
    "ask": "what the assistant asks",
    "open": "a path or an https address",
}


def text_span(text: Text, start: int, end: int) -> Span:
    """Find the source range of a part of a decoded text; an escape is two characters there."""
    at = text.span.start + 1
    return Span(
        text.span.source,
        at + start + _escapes(text.value[:start]),
        at + end + _escapes(text.value[:end]),
    )


def _escapes(text: str) -> int:
    return text.count('"') + text.count("\\")


def message_plan(scope: Scope, node: Say) -> MessagePlan | None:
    """Resolve a `say` with its replies; None when a part of it was reported."""
    _report_length(scope.findings, node.text, SAY_LEN_MAX, "a say")
    text = template(scope, node.text)
    replies = [_reply(scope, reply, number) for number, reply in enumerate(node.replies, start=1)]
    found = tuple(reply for reply in replies if reply is not None)
    _report_same_values(scope, node)
    if text is None or len(found) < len(replies):
        return None
    return MessagePlan(text, found)


def _report_length(findings: Findings, text: Text, most: int, what: str) -> None:
    if len(text.value) > most:
        findings.mend(
            "OP105",
            text.span,
            f"{what} has up to {most:,} characters, and this one has {len(text.value):,}",
            "More than that is not read.",
            quoted(_cut(text.value, most)),
        )


def _cut(text: str, most: int) -> str:
    """Shorten a text, but not in the middle of a placeholder."""
    cut = text[:most]
    brace = cut.rfind("{")
    return cut[:brace] if brace > cut.rfind("}") else cut


def template(scope: Scope, text: Text) -> Template | None:
    """Resolve the placeholders of a text; None when one was reported (OP110, OP142)."""
    parsed = parse_template(text.value)
    if isinstance(parsed, BraceProblem):
        scope.findings.mend(
            "OP142",
            text_span(text, parsed.start, parsed.end),
            parsed.message,
            "A visitor would see the brace; write an attribute in braces, or {{ for a brace.",
            quoted(_mended_braces(scope, text.value, parsed))[1:-1],
        )
        return None
    parts = [part if isinstance(part, str) else _placeholder(scope, text, part) for part in parsed]
    found = tuple(part for part in parts if part is not None)
    return Template(found, text.value) if len(found) == len(parts) else None


def _mended_braces(scope: Scope, text: str, problem: BraceProblem) -> str:
    """Guess the attribute whose name was meant; when none is, the brace itself."""
    words, _, fallback = problem.inside.partition("|")
    wanted = "_".join(words.replace("{", " ").casefold().split())
    last = wanted.rpartition(".")[2]
    near = [name for name in scope.attributes if last and name.rpartition(".")[2] == last]
    if wanted in near:
        near = [wanted]
    if len(near) != 1 or near[0] in COMPUTED:
        return "{" + text[problem.start : problem.end]
    return f"{{{near[0]} | {fallback.replace('{', '').strip() or 'there'}}}"


def _placeholder(scope: Scope, text: Text, part: PlaceholderText) -> Placeholder | None:
    span = text_span(text, part.start + 1, part.end - 1)
    at = text.value.find(part.name, part.start)
    name_span = text_span(text, at, at + len(part.name))
    if part.name in COMPUTED:
        scope.findings.say(
            "OP142",
            span,
            f"{part.name} cannot be shown in a text",
            "It changes while the visitor reads.",
        )
        return None
    plan = attribute_of(scope, Ref(tuple(part.name.split(".")), name_span))
    return None if plan is None else Placeholder(plan, part.fallback)


def plain_template(text: str) -> Template:
    """Wrap a text that is not a template."""
    return Template((text,), text)


def reply_value(reply: Reply, number: int) -> str:
    """Name a reply on the wire: what stands after `as`, else the slug of its text."""
    if reply.value is not None:
        return reply.value.text
    return slug(reply.text.value) or f"reply_{number}"


def _report_same_values(scope: Scope, node: Say) -> None:
    first: dict[str, Reply] = {}
    for number, reply in enumerate(node.replies, start=1):
        value = reply_value(reply, number)
        if value in first:
            message = f'two replies of this message have the value "{value}"'
            why = "Nobody could tell which one was clicked."
            found = diagnose("OP132", reply.span, message, why)
            renamed = _renamed(reply, f"{value}_{number}")
            scope.findings.twice(with_fix(found, renamed), first[value].span)
        first.setdefault(value, reply)


def _renamed(reply: Reply, value: str) -> Fix:
    if reply.value is not None:
        edit = Edit(reply.value.span, value)
    else:
        edit = Edit(replace(reply.span, start=reply.span.end), f" as {value}")
    return Fix(f"call it {value}", safe=False, edits=(edit,))


def _reply(scope: Scope, node: Reply, number: int) -> ReplyPlan | None:
    _report_length(scope.findings, node.text, REPLY_LEN_MAX, "a reply")
    text = template(scope, node.text)
    if not _payload_fits(scope, node):
        return None
    payload = None
    if node.payload is not None and node.action in ("say", "ask"):
        _report_length(scope.findings, node.payload, SAY_LEN_MAX, "an answer")
        payload = template(scope, node.payload)
        if payload is None:
            return None
    elif node.payload is not None:
        payload = plain_template(node.payload.value)
    if text is None:
        return None
    return ReplyPlan(text, reply_value(node, number), node.action, payload)


def _payload_fits(scope: Scope, node: Reply) -> bool:
    if node.payload is None:
        return node.action not in _NEEDS_TEXT or _report_no_payload(scope, node)
    if node.action == "dismiss":
        scope.findings.mend(
            "OP131", node.payload.span, '"dismiss" takes no text', "It closes the message.", ""
        )
        return False
    if node.action == "open" and not is_address(node.payload.value):
        scope.findings.mend(
            "OP131",
            node.payload.span,
            f"{quoted(node.payload.value)} is neither a path nor an https address",
            "The visitor's browser opens a path of your site, or an address with https://.",
            quoted(_address(node.payload.value)),
        )
        return False
    return True


def _report_no_payload(scope: Scope, node: Reply) -> bool:
    example = {"open": '"/pricing"', "ask": '"Which one?"'}.get(node.action, '"Sure!"')
    written = f"reply {quoted(node.text.value)} -> {node.action} {example}"
    written += f" as {node.value.text}" if node.value is not None else ""
    scope.findings.mend(
        "OP131",
        node.span,
        f'"{node.action}" needs a text: {_NEEDS_TEXT[node.action]}',
        "Without it, nothing happens when the visitor clicks.",
        written,
    )
    return False


def is_address(text: str) -> bool:
    """Tell whether a text is a path of the site or an https address, without spaces."""
    if any(char.isspace() or ord(char) < 32 for char in text) or "\\" in text:
        return False
    if text.startswith("https://"):
        return len(text) > len("https://")
    return text.startswith("/") and not text.startswith("//")


def _address(text: str) -> str:
    place = "".join(text.replace("\\", "/").split())
    for scheme in ("http://", "https://", "//"):
        if place.startswith(scheme):
            return f"https://{place.removeprefix(scheme)}"
    return place if place.startswith("/") else f"/{place.partition(':')[2] or place}"
