"""What a step adds to a commit beside the new state, and the one way a message is taken back."""

from typing import Literal

import msgspec

from engine.decision import DecisionRow
from engine.message import Message
from engine.profile import Profile
from engine.runtime_types import Refused
from engine.session import Session
from rules.compiler.program import Program


class Effect(msgspec.Struct):
    """Rows for the ledger, messages for the visitor, places of the cap spent and given back.

    `profile_changed`: the visitor's profile is to be committed with the session.
    `dropped` counts events about messages that were not admitted. `offered` and `refused` answer an
    `Offer`.
    """

    rows: list[DecisionRow] = []
    messages: list[Message] = []
    spend: int = 0
    give_back: int = 0
    dropped: int = 0
    profile_changed: bool = False
    offered: Message | None = None
    refused: Refused | None = None


class Ground(msgspec.Struct):
    """What one step stands on: the rules, one visitor's session and profile, and the effect it makes.

    `session` and `profile` are changed in place. `secret` signs ids, so that a step that is taken again
    makes the same ones.
    """

    program: Program
    session: Session
    profile: Profile
    secret: bytes
    effect: Effect


def withdraw(ground: Ground, message: Message, outcome: Literal["expired", "withdrawn"]) -> None:
    """End an undisplayed message: the cap's place comes back, the rule's own limit stays spent."""
    message.outcome = outcome
    ground.effect.profile_changed = True
    profile = ground.profile
    profile.grants = [grant for grant in profile.grants if grant.message != message.id]
    if message.epoch == ground.session.epoch:
        ground.effect.give_back += 1
