"""The one candidate that a misspelt word most likely meant."""

from collections.abc import Iterable

_DISTANCE_MAX = 2
_LENGTH_MAX = 64


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Find the single candidate within two edits of a word, ignoring case.

    A swap of neighbours is one edit. Short words get less room, so that `a` is not near `b`: a word
    of up to 2 letters must be equal but for case, one of 3 or 4 letters may have one edit.

    Returns:
        The candidate as spelt, or None when none is near or two are equally near.
    """
    close = near(word, candidates)
    if len(close) > 1 and close[0][0] == close[1][0]:
        return None
    return close[0][1] if close else None


def near(word: str, candidates: Iterable[str]) -> list[tuple[int, str]]:
    """Find all candidates within reach of a word, with their distances, the nearest first."""
    folded = word.casefold()
    if len(folded) > _LENGTH_MAX:
        return []
    room = _room(folded)
    measured = (
        (_distance(folded, candidate.casefold(), room), candidate)
        for candidate in dict.fromkeys(candidates)
    )
    return sorted(pair for pair in measured if pair[0] <= room)


def _room(word: str) -> int:
    if len(word) <= 2:
        return 0
    return 1 if len(word) <= 4 else _DISTANCE_MAX


def _distance(left: str, right: str, limit: int) -> int:
    """Count edits (insert, drop, replace, swap of neighbours), giving up above `limit`."""
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
