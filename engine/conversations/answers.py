"""What the built-in assistant answers: `answer` blocks matched to a visitor's words (LANGUAGE.md 7.8)."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rules.checked import AnswerPlan
from rules.page_globs import matches

FIT_MIN = 0.6
"""The share of a phrase's words that must be near some word of the message."""

_NEAR_CHARS_MIN = 5
_STEM_CHARS_MIN = 3
_ENDINGS = ("ing", "ed", "es", "s")
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "hi",
        "hello",
        "how",
        "i",
        "im",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "or",
        "our",
        "please",
        "s",
        "so",
        "t",
        "that",
        "the",
        "their",
        "there",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


def best_answer(answers: Sequence[AnswerPlan], text: str, page_key: str) -> AnswerPlan | None:
    """Pick the answer to a visitor's words on a page; None when no block applies.

    Best: the higher fit, then more matched words, then the one with `on page`, then file order; without
    a candidate the first `asked anything` whose page holds.
    """
    words = content_words(text)
    best: tuple[float, int, bool] | None = None
    chosen: AnswerPlan | None = None
    for answer in answers:
        if answer.on is not None and not any(matches(glob, page_key) for glob in answer.on.globs):
            continue
        for phrase in answer.phrases:
            matched, share = _fit(content_words(phrase), words)
            rank = (share, matched, answer.on is not None)
            if share >= FIT_MIN and (best is None or rank > best):
                best, chosen = rank, answer
    if chosen is not None:
        return chosen
    return next((a for a in answers if a.anything and _holds(a, page_key)), None)


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[str, ...]:
    """Reduce a text to the words that count: no accents, no stop words, one ending less."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("\u2019", "'"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    found = [word for word in _WORD.findall(plain) if word not in _STOP_WORDS]
    return tuple(_stem(word) for word in found)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_CHARS_MIN:
            return word[: -len(ending)]
    return word


def _fit(phrase: Sequence[str], words: Sequence[str]) -> tuple[int, float]:
    if not phrase:
        return 0, 0.0
    matched = sum(any(_is_near(word, other) for other in words) for word in phrase)
    return matched, matched / len(phrase)


def _is_near(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) < _NEAR_CHARS_MIN or abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    at = next((i for i, char in enumerate(short) if char != long[i]), len(short))
    if len(short) == len(long):
        return short[at + 1 :] == long[at + 1 :]
    return short[at:] == long[at + 1 :]


def _holds(answer: AnswerPlan, page_key: str) -> bool:
    return answer.on is None or any(matches(glob, page_key) for glob in answer.on.globs)
