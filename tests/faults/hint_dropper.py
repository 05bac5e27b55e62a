"""A proxy before Redis that loses some of the hints: what a subscription is sent, and nothing else."""

import re
from random import Random

from tests.faults.proxy import Proxy, Way, _Pair

_HINT = re.compile(rb"[>*]3\r\n\$8\r\nsmessage\r\n\$(\d+)\r\n")
_LENGTH = re.compile(rb"\r\n\$(\d+)\r\n")


class HintDropper(Proxy):
    """Passes everything on but a share of the messages of sharded channels."""

    def __init__(self, upstream: int, seed: int = 1) -> None:
        """Lose nothing at first."""
        super().__init__(upstream, seed)
        self.share = 0.0
        self.dropped = self.passed = 0
        self._draws = Random(f"{seed} hints")

    async def treat(self, piece: bytes, way: Way, pair: _Pair) -> bool:
        """Lose a piece that is hints from its begin to its end, now and then."""
        if way == "down" and is_hints(piece):
            if self._draws.random() < self.share:
                self.dropped += 1
                return False
            self.passed += 1
        return await super().treat(piece, way, pair)


def is_hints(piece: bytes) -> bool:
    """Tell whether a piece is one or several whole messages of a subscription."""
    at = 0
    while at < len(piece):
        hint = _HINT.match(piece, at)
        if hint is None:
            return False
        body = _LENGTH.match(piece, hint.end() + int(hint[1]))
        if body is None:
            return False
        at = body.end() + int(body[1]) + 2
    return at == len(piece) > 0
