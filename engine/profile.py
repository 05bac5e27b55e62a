"""One visitor across sessions as a value: attributes, spent caps, sticky arms."""

import msgspec


class Grant(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One proactive message, or a held-out one, counted against caps."""

    at_ms: int
    rule: str
    session: str
    message: str


class Profile(msgspec.Struct, omit_defaults=True, gc=False):
    """What is known of a visitor. `attrs` are the `visitor.*` attributes by full name, in rules' units.

    `grants` hold the places of the policy's caps, oldest first; an expired message leaves them. `spent`
    is the same for the rules' own limits, and keeps expired ones. Times are Unix milliseconds, -1 before
    the first. `arms` maps an experiment's seed to the arm that was assigned first.
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
