"""What goes to a Redis server and what it says: words, replies, refusals, and our scripts by name."""

from functools import cache
from hashlib import sha1
from pathlib import Path

from msgspec import Struct

_LUA = Path(__file__).parent / "lua"

Word = bytes | str | int
Reply = bytes | int | None | list["Reply"]
"""In the shapes of RESP2: no maps, sets or fractions, so that both lanes answer alike."""


class Script(Struct, frozen=True):
    """One atomic step: `engine/stores/redis/lua/{name}.lua` and the digest that servers know it by."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Load a script of `engine/stores/redis/lua/` by its name, without `.lua`."""
    return script_of(name, (_LUA / f"{name}.lua").read_text(encoding="utf-8"))


def script_of(name: str, text: str) -> Script:
    """Make a script of its text."""
    return Script(name, text, sha1(text.encode(), usedforsecurity=False).hexdigest())


class ServerSaid(Exception):
    """An error reply; `code` is its first word (`MOVED`, `OOM`, `ERR` ...).

    `was_resent` says that the same command had been sent before, over a connection that was lost: it may
    have been done then.
    """

    def __init__(self, text: str) -> None:
        """Take the whole reply without its sign."""
        self.text = text
        self.was_resent = False
        self.code = text.partition(" ")[0]
        super().__init__(text)


class LaneLeft(Exception):
    """The lane's server takes no writes of ours any more; the call may be made on another lane.

    `sent` says whether the server may have done what it was asked.
    """

    def __init__(self, *, sent: bool) -> None:
        """Keep whether it was sent."""
        self.sent = sent
        super().__init__("the server of this lane was replaced")
