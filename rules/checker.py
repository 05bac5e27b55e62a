"""Checks a rule set: names, types and units, then every best practice; the checked form comes out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.checked import CheckedSet
from rules.checks import ANSWER_CHECKS, ANSWER_HINTS, POLICY_CHECKS, RULE_CHECKS, RULE_HINTS
from rules.diagnostics import Diagnostic
from rules.nodes import Allow, Answer, File, Policy, Rule
from rules.resolver import Resolved, resolve
from rules.schema import Schema


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What a check may allow and what it reports; hints cost time and are off unless wanted.

    There is no engine for `matches` that takes linear time, so `allow_regex` changes the reason that
    OP127 gives, and not that it is given.
    """

    allow_regex: bool = False
    hints: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A checked rule set, or None when it has an error, and everything that was found."""

    checked: CheckedSet | None
    diagnostics: tuple[Diagnostic, ...]


def check(
    files: Sequence[File], schema: Schema, options: CheckOptions | None = None
) -> CheckResult:
    """Check parsed files as one rule set.

    Args:
        files: in file order; imported ones are put in their place.
        schema: the vocabulary of the host.
        options: none for the defaults.

    Returns:
        Diagnostics of the check alone, not of the parser, by source and place. A set of which a
        block did not parse has no checked form.
    """
    options = options or CheckOptions()
    resolved = resolve(files, schema, allow_regex=options.allow_regex, hints=options.hints)
    found = [*resolved.scope.findings.diagnostics, *_practices(resolved, hints=options.hints)]
    ordered = sorted(
        dict.fromkeys(found), key=lambda item: (item.span.source, item.span.start, item.code)
    )
    failed = any(item.severity == "error" for item in ordered)
    return CheckResult(None if failed else resolved.checked, tuple(ordered))


def _practices(resolved: Resolved, *, hints: bool) -> Iterator[Diagnostic]:
    """Run the checks of one block each; `allow` silences warnings and hints of its own block."""
    scope = resolved.scope
    for block in resolved.blocks:
        match block:
            case Policy():
                found = [item for run in POLICY_CHECKS for item in run(block, scope)]
            case Rule():
                runs = RULE_CHECKS + (RULE_HINTS if hints else ())
                found = [item for run in runs for item in run(block, scope)]
            case Answer():
                answers = ANSWER_CHECKS + (ANSWER_HINTS if hints else ())
                found = [item for run in answers for item in run(block, scope)]
            case _:
                continue
        allowed = {item.code for item in block.items if isinstance(item, Allow)}
        for item in found:
            if item.severity == "error" or item.code not in allowed:
                yield item
