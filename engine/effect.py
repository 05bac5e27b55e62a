"""What a step stands on, and what it adds to a commit beside the new state."""

import msgspec

from engine.causes import Cause
from engine.decision import DecisionRow
from engine.message import Item, Message
from engine.profile import Profile
from engine.runtime_types import Refused
from engine.session import Session
from rules.compiler.program import Program


class Effect(msgspec.Struct):
    """Rows for the ledger, messages and notices for the visitor, places of the cap spent and given back.

    `causes` are what others are told of it, `counts` what it adds to counters (by name). `began` is the
    id of the conversation that began. `profile_changed`: the visitor's profile is to be committed with
    the session. `dropped` counts events about messages that were not admitted. `offered`, `withdrawn`
    and `refused` answer an `Offer` or an order about a message.
    """

    rows: list[DecisionRow] = []
    items: list[Item] = []
    causes: list[Cause] = []
    counts: dict[str, int] = {}
    began: str = ""
    spend: int = 0
    give_back: int = 0
    dropped: int = 0
    profile_changed: bool = False
    offered: Message | None = None
    withdrawn: Message | None = None
    refused: Refused | None = None

    @property
    def messages(self) -> list[Message]:
        """Return the messages among the items."""
        return [item for item in self.items if isinstance(item, Message)]


class Terms(msgspec.Struct, frozen=True):
    """What a workspace sets beside its rules: the score from which an engaged visitor is qualified."""

    qualify_score: int = 70


class Ground(msgspec.Struct):
    """What one step stands on: the rules, one visitor's session and profile, and the effect it makes.

    `session` and `profile` are changed in place. `secret` signs ids, so that a step that is taken again
    makes the same ones. `terms` are the workspace's own settings.
    """

    program: Program
    session: Session
    profile: Profile
    secret: bytes
    effect: Effect
    terms: Terms
