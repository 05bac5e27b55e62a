"""Which of several servers is the primary: the one that went on with the data that were told of."""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

from engine.stores.redis.handshake import Replication

S = TypeVar("S", bound=Hashable)


class Choice(Struct, Generic[S], frozen=True):
    """`primary` None: nobody is it for certain. `rivals` say that they are, and only a person can tell."""

    primary: S | None
    rivals: tuple[S, ...] = ()


def choose(known: Mapping[S, Replication], present: S | None, history: str) -> Choice[S]:
    """Choose the server that went on with the present one's data (`history`), else the present one.

    A server that merely says that it is a primary, an old one that was started again while the present
    one is silent, may lack writes that were told: it is not chosen. Without a present one any is good
    that is alone, or that went on with the data of the others.
    """
    claims = {server: said for server, said in known.items() if said.is_primary}
    left_behind = {said.before for said in claims.values() if said.before}
    newest = tuple(server for server, said in claims.items() if said.history not in left_behind)
    heirs = [server for server in newest if history and claims[server].before == history]
    if len(heirs) == 1:
        return Choice(heirs[0])
    if present is not None and present in newest:
        return Choice(present, newest if len(newest) > 1 else ())
    if present is not None and present not in known:
        return Choice(None, newest)
    if len(newest) == 1:
        return Choice(newest[0])
    return Choice(None, newest)
