"""OP230: the shares of a rule's variants do not make a whole."""

from collections.abc import Iterator

from rules.diagnostics import Diagnostic, diagnose
from rules.nodes import Rule, Variant
from rules.resolver import Scope
from rules.resolver.findings import mended
from rules.value_types import parse_percent, print_number

WHOLE = 100
_ROUNDING = 1e-9


def weights(rule: Rule, scope: Scope) -> Iterator[Diagnostic]:
    """Report variants that do not sum to 100 %, and a variant that stands alone."""
    del scope
    variants = [item for item in rule.items if isinstance(item, Variant)]
    if not variants:
        return
    shares = [parse_percent(variant.share.text) for variant in variants]
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return
    first, total = variants[0], sum(known)
    if len(variants) == 1:
        yield diagnose(
            "OP230",
            first.name.span,
            "one variant alone is no comparison",
            "Write the message without a variant, or add a second one.",
        )
    elif abs(total - WHOLE) > _ROUNDING:
        written = print_number(round(total, 6))
        message = f"the variants of {rule.name.text} sum to {written}%, not to 100%"
        found = diagnose("OP230", first.share.span, message, _why(total))
        missing = round(WHOLE - (total - known[0]), 6)
        yield mended(found, f"{print_number(missing)}%") if missing > 0 else found


def _why(total: float) -> str:
    if total < WHOLE:
        return f"{print_number(round(WHOLE - total, 6))}% of visitors would get none of them."
    return f"{print_number(round(total - WHOLE, 6))}% of visitors would get two of them."
