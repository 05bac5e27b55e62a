"""What a program remembers of a session: one register a distinct question, named by its canonical key."""

from dataclasses import dataclass
from typing import Literal as OneOf

from rules.checked import Pattern, SequenceTest, Throughout

RegisterKind = OneOf["session_count", "page_count", "times", "last", "sequence", "held"]


@dataclass(frozen=True, slots=True)
class Register:
    """One cell of `State.regs`.

    | kind | cell | empty |
    | --- | --- | --- |
    | session_count, page_count | number of matches; the engine sets page counts to 0 at each view | 0 |
    | times | list of the newest `size` times, oldest first | None |
    | last | time of the newest match | -1 |
    | sequence, tail "ever" | number of steps done | 0 |
    | sequence, "in_last" and "then_no" | [steps done before the last one, end of newest match or -1] | None |
    | sequence, "within" | [latest start per step but the last, or -1], True once matched | None |
    | held | start of the stretch in which the condition is true | -1 |

    An absent event after a "then_no" match takes the match's end away. Cells are owned by the compiler;
    they hold whole numbers, yes_no and flat lists only, so that any store can keep them.

    `key` is stable across programs: equal keys remember the same thing, so a reload keeps the cell.
    A `times` key does not hold its size: a larger size starts with what the smaller one kept.
    """

    key: str
    kind: RegisterKind
    pattern: Pattern | None = None
    size: int = 0
    sequence: SequenceTest | None = None
    held: Throughout | None = None

    def empty_cell(self) -> object:
        """Return the cell of a session that has seen nothing."""
        match self.kind:
            case "session_count" | "page_count":
                return 0
            case "last" | "held":
                return -1
            case "sequence" if self.sequence is not None and self.sequence.tail == "ever":
                return 0
            case _:
                return None


def pattern_key(kind: RegisterKind, pattern: Pattern) -> str:
    """Name the register that remembers one pattern."""
    return f"{kind} {pattern.key}"


def sequence_key(test: SequenceTest) -> str:
    """Name the register of a sequence: tails that remember the same thing share it."""
    steps = " > ".join(step.key for step in test.steps)
    match test.tail:
        case "within":
            return f"sequence within {test.tail_ms}: {steps}"
        case "then_no":
            absent = test.absent.key if test.absent is not None else ""
            return f"sequence then_no: {steps} ! {absent}"
        case tail:
            return f"sequence {tail}: {steps}"


def held_key(test: Throughout) -> str:
    """Name the register of `(c) for d`; it depends on c alone, so every d shares it."""
    return f"held {test.item.key}"
