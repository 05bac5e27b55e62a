"""One visitor across sessions as a value: attributes, spent caps, sticky arms."""

import msgspec

CONTACT_NAMES = ("name", "first_name", "email", "phone")
"""How a visitor can be addressed and reached."""


class Grant(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One proactive message, or a held-out one, counted against caps."""

    at_ms: int
    rule: str
    session: str
    message: str
    variant: str = ""
    held_out: bool = False


class PastLoad(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What ended sessions had of one page load of our own widget: event numbers, as ranges [first, last, ...]."""

    ended_ms: int
    ranges: tuple[int, ...]


class Profile(msgspec.Struct, omit_defaults=True, gc=False):
    """What is known of a visitor. `attrs` are the `visitor.*` attributes by full name, in rules' units.

    `grants` hold the places of the policy's caps, oldest first; an expired message leaves them. `spent`
    is the same for the rules' own limits, and keeps expired ones. Times are Unix milliseconds, -1 before
    the first. `arms` maps an experiment's seed to the arm that was assigned first. `contact` holds name,
    first_name, email and phone as they were given, declared in rules or not.

    `user` is the user id that the visitor proved, "" for an anonymous one. `merged_into` is the known
    visitor that an anonymous one turned out to be, "" before; `identities` are the ones merged into this.
    `joining` names that known visitor while the merge is under way, and `is_sealed` says that an erasure is:
    nobody is merged any more (`engine.identity`).

    `loads` are the page loads of ended sessions by id, so that an event which comes again in a later session
    counts once.
    """

    visitor: str
    attrs: dict[str, str | int | float | bool] = {}
    visits: int = 0
    consent: str = ""
    grants: list[Grant] = []
    spent: list[Grant] = []
    dismissed_ms: int = -1
    chat_ms: int = -1
    arms: dict[str, str] = {}
    sessions: list[str] = []
    contact: dict[str, str] = {}
    merged_into: str = ""
    user: str = ""
    identities: list[str] = []
    loads: dict[str, PastLoad] = {}
    joining: str = ""
    is_sealed: bool = False

    @property
    def is_known(self) -> bool:
        """Tell whether the visitor proved who they are, here or as the one this is merged into."""
        return bool(self.user or self.merged_into)
