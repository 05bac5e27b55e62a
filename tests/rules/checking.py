"""Short ways for tests to check a piece of rule text."""

from collections.abc import Mapping

from engine.signals import SCHEMA
from rules import CheckedSet, CheckOptions, Report, check_texts
from rules.checked import Cond

MESSAGE = """\
  say "Questions about pricing plans?"
    reply "Yes" -> ask "Which one?"
    reply "No"  -> dismiss
"""


def rule(*clauses: str, name: str = "a", on: str = 'on page "/pricing"') -> str:
    """Write a rule with a good message and these clauses."""
    lines = "".join(f"  {clause}\n" for clause in (on, *clauses) if clause)
    return f'rule {name} "Pricing help" {{\n{lines}{MESSAGE}}}\n'


def report(text: str | Mapping[str, str], *, hints: bool = False) -> Report:
    """Check a text, or texts by name."""
    texts = {"main.rules": text} if isinstance(text, str) else text
    return check_texts(texts, SCHEMA, CheckOptions(hints=hints))


def codes(text: str | Mapping[str, str], *, hints: bool = False) -> list[str]:
    """List the codes that a text yields, in order of place."""
    return [item.code for item in report(text, hints=hints).diagnostics]


def checked(text: str | Mapping[str, str]) -> CheckedSet:
    """Check a text that is right."""
    result = report(text)
    assert result.diagnostics == (), [item.message for item in result.diagnostics]
    assert result.checked is not None
    return result.checked


def when(condition: str, declarations: str = "") -> Cond:
    """Resolve one condition."""
    return checked(declarations + rule(f"when {condition}")).rules[0].when


def fault(condition: str, declarations: str = "") -> str:
    """Check one faulty condition: its code and the line to try."""
    (found,) = report(declarations + rule(f"when {condition}")).diagnostics
    tries = [line for line in found.help.splitlines() if line.startswith("try: ")]
    return " ".join([found.code, *tries])
