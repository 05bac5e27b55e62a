"""Rule text in, syntax tree and diagnostics out; never raises, whatever the text."""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from threading import Lock

import lark
from lark.exceptions import UnexpectedCharacters, UnexpectedToken
from lark.lexer import PatternStr

from rules import nodes
from rules.building import TreeBuilder
from rules.diagnostics import Diagnostic
from rules.grammar_cache import table_file
from rules.reading import check_size, decode, straighten
from rules.recovering.attempt import Failure, Piece
from rules.recovery import recover
from rules.span import Source

NESTING_MAX = 50


def parse(source: Source) -> tuple[nodes.File, list[Diagnostic]]:
    """Read one file of rules.

    Returns:
        The tree, in which blocks that do not parse are only named, and what is wrong with the text:
        syntax only, in no particular order. A file that is too large has no blocks.

    Cost: linear in the text, also when it is broken.
    """
    too_large = check_size(source)
    if too_large is not None:
        return nodes.File(source.name, ()), [too_large]
    text, found = straighten(source)
    whole = _reader().read(source.name, text, 0)
    if isinstance(whole, Piece):
        file = nodes.File(source.name, whole.blocks, whole.comments)
        return file, [*found, *whole.found]
    file, mistakes = recover(source, text, whole, _reader().read)
    return file, [*found, *mistakes]


def parse_bytes(name: str, data: bytes) -> tuple[Source, nodes.File, list[Diagnostic]]:
    """Decode and read one file; what is not UTF-8 or too large is reported and not read."""
    source, refusal = decode(name, data)
    if refusal is not None:
        return source, nodes.File(name, ()), [refusal]
    file, found = parse(source)
    return source, file, found


def grammar_text() -> str:
    """Return the grammar as it is shipped."""
    return files("rules").joinpath("opportune.lark").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Reader:
    """The parser with its builder; the builder holds one parse at a time, hence the lock."""

    machine: lark.Lark
    builder: TreeBuilder
    typed: dict[str, str]
    lock: Lock

    def read(self, name: str, text: str, base: int) -> Piece | Failure:
        """Parse a text that stands at `base` in its file."""
        with self.lock:
            builder = self.builder
            builder.start_afresh(name, base)
            try:
                blocks = self.machine.parse(text)
            except (UnexpectedToken, UnexpectedCharacters) as error:
                return _failure(error, text, base, self.typed)
            if builder.deepest is not None and builder.deepest[0] > NESTING_MAX:
                return Failure(builder.deepest[1].start, frozenset(), too_deep=True)
            # A start rule's value is what its method returns; lark calls every value a tree.
            made: Iterable[nodes.Block] = blocks  # type: ignore[assignment]
            return Piece(tuple(made), tuple(builder.comments), tuple(builder.found))


@cache
def _reader() -> _Reader:
    grammar = grammar_text()
    builder = TreeBuilder()
    version = f"{lark.__version__} {sys.version} {grammar}"
    key = hashlib.sha256(version.encode()).hexdigest()[:32]
    machine = lark.Lark(
        grammar,
        parser="lalr",
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=builder,
        lexer_callbacks={"COMMENT": builder.keep_comment},
        cache=table_file(key) or False,
    )
    typed = {
        terminal.name: terminal.pattern.value
        for terminal in machine.terminals
        if isinstance(terminal.pattern, PatternStr)
    }
    return _Reader(machine, builder, typed, Lock())


def _failure(
    error: UnexpectedToken | UnexpectedCharacters, text: str, base: int, typed: dict[str, str]
) -> Failure:
    if isinstance(error, UnexpectedToken):
        at = error.token.start_pos
        offset = len(text) if at is None or error.token.type == "$END" else at
        fitting = error.accepts or set()
    else:
        offset, fitting = error.pos_in_stream, error.allowed or set()
    return Failure(base + offset, frozenset(typed.get(name, name) for name in fitting))
