"""Rule texts as compiled programs, and a visitor's session on one, for the compiler's tests."""

from collections.abc import Mapping

from engine.signals import SCHEMA
from rules import check_texts
from rules.checked import Value
from rules.compiler import Program, compile_program
from rules.history import Happening
from rules.page_globs import address_key
from tests.fuzz.mini_engine import MiniEngine

T0 = 1_767_225_600_000
"""The start of every session here."""

SILENT = frozenset({"hide", "idle", "message_displayed", "agent_message", ""})


def compiled(text: str) -> Program:
    """Compile a rule text that has no error."""
    report = check_texts({"test.rules": text}, SCHEMA)
    assert report.checked is not None, [item.message for item in report.diagnostics]
    return compile_program(report.checked, report.sources)


def one_rule(condition: str, page: str = "any page", declared: str = "") -> Program:
    """Compile a rule set with one rule under a condition."""
    text = (
        f'{declared}\nrule greet "Greet" {{\n  on {page}\n  when {condition}\n  say "Hello"\n}}\n'
    )
    return compiled(text)


class Visit:
    """One session on a program; all times are seconds after its start."""

    def __init__(self, program: Program, given: Mapping[str, Value] | None = None) -> None:
        """Begin the session with its tab visible, on no page yet."""
        self.program = program
        self.engine = MiniEngine(program, T0, dict(given or {}))
        self.page = ""

    def event(self, seconds: float, name: str, page: str = "", /, **fields: Value) -> "Visit":
        """Let an event happen; `page` only where the visitor goes to another one."""
        self.page = address_key("https://shop.test" + page) if page else self.page
        self.engine.happen(
            Happening(ms(seconds), name, self.page, fields, is_activity=name not in SILENT)
        )
        return self

    def late(self, seconds: float, name: str) -> "Visit":
        """Let an event come in that happened more than ten seconds before."""
        self.engine.happen(
            Happening(ms(seconds), name, self.page, is_activity=True, counted_only=True)
        )
        return self

    def change(self, seconds: float, name: str, value: Value | None) -> "Visit":
        """Set an attribute, or make it absent."""
        self.engine.happen(Happening(ms(seconds), "", attributes={name: value}))
        return self

    def matching(self, seconds: float, mask: int = -1) -> list[int]:
        """Return the numbers of the rules that hold at an instant."""
        self.engine.look(ms(seconds))
        return self.program.evaluate(self.engine.state, ms(seconds), mask)[0]

    def holds(self, seconds: float) -> bool:
        """Tell whether the first rule holds at an instant."""
        return 0 in self.matching(seconds)

    def bound(self, seconds: float) -> float:
        """Return when another rule could hold without an event, in seconds; infinity for never."""
        self.engine.look(ms(seconds))
        bound_ms = self.program.evaluate(self.engine.state, ms(seconds))[1]
        return (bound_ms - T0) / 1_000 if bound_ms < 1 << 61 else float("inf")

    def score(self, seconds: float) -> int:
        """Return the score at an instant."""
        self.engine.look(ms(seconds))
        return self.program.score(self.engine.state, ms(seconds))


def ms(seconds: float) -> int:
    """Return the instant so many seconds after the start."""
    return T0 + round(seconds * 1_000)
