"""A broken file cut into parts, each of one block, at the words that open blocks."""

from dataclasses import dataclass

from rules.lexemes import Lexeme
from rules.recovering.samples import BLOCK_WORDS, BRACED, CONTINUING

_NAMED = frozenset({"rule", "answer", "event", "pages", "set", "define", "goal", "attribute"})
_TITLED = frozenset({"import", "site", "test"})


@dataclass(frozen=True, slots=True)
class Part:
    """The lexemes of one block, comments left out; [start, end) also holds what stands around."""

    lexemes: tuple[Lexeme, ...]
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word that opens the part; it may be no block at all."""
        return self.lexemes[0].text

    @property
    def name(self) -> str:
        """The name that the part declares, or nothing."""
        rest = self.lexemes[1:]
        if self.keyword == "attribute":
            ref: list[str] = []
            for at, lexeme in enumerate(rest):
                fits = lexeme.is_sign(".") if at % 2 else lexeme.kind == "word"
                if not fits:
                    break
                ref.append(lexeme.text)
            return "".join(ref)
        return rest[0].text if rest and rest[0].kind == "word" else ""


def split(text: str, lexemes: list[Lexeme]) -> list[Part]:
    """Cut at each block's first word: in column 1, or wherever the block before it is closed.

    Args:
        text: the whole file.
        lexemes: of that text; comments are passed over.
    """
    words = [lexeme for lexeme in lexemes if lexeme.kind != "comment"]
    starts = _starts(text, words)
    parts = []
    for at, start in enumerate(starts):
        stop = starts[at + 1] if at + 1 < len(starts) else len(words)
        end = words[stop].start if stop < len(words) else len(text)
        parts.append(Part(tuple(words[start:stop]), words[start].start, end))
    return parts


def _starts(text: str, words: list[Lexeme]) -> list[int]:
    """Find the indexes at which parts begin; the first word always does."""
    starts: list[int] = []
    depth, closed = 0, True
    for at, word in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else None
        if closed or _opens(text, word, following, words[at - 1], depth):
            starts.append(at)
            depth, closed = 0, False
        if word.is_sign("{"):
            depth += 1
        elif word.is_sign("}"):
            depth -= 1
            closed = depth <= 0
    return starts


def _opens(text: str, word: Lexeme, following: Lexeme | None, before: Lexeme, depth: int) -> bool:
    if word.kind != "word" or not word.opens_line:
        return False
    in_first_column = word.start == 0 or text[word.start - 1] == "\n"
    if word.text in BLOCK_WORDS and _is_plausible(word.text, following):
        return in_first_column or depth == 0
    goes_on = word.text in CONTINUING or (before.kind == "sign" and before.text in "=,.:([")
    looks_like_head = following is not None and following.kind in ("word", "text")
    return in_first_column and depth == 0 and not goes_on and looks_like_head


def _is_plausible(keyword: str, following: Lexeme | None) -> bool:
    if following is None:
        return True
    if following.is_sign("{") or following.kind == "text":
        return keyword in BRACED or keyword in _TITLED
    if keyword in _NAMED or keyword == "score":
        return following.kind == "word"
    return False
