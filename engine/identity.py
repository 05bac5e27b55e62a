"""Who a visitor is: an anonymous browser joined with the known visitor, without resetting a cap.

Of both profiles the known visitor keeps the stricter (STORES.md 4). `merge_profiles` and
`anonymous_after` are pure; the two functions below them write through the store's versions, and each is
safe to do twice.
"""

from collections.abc import Iterable

import msgspec

from engine.errors import StoreUnavailable
from engine.ids import derived_id
from engine.limits import (
    ATTEMPTS_MAX,
    ATTRIBUTE_CHARS_MAX,
    ATTRIBUTES_MAX,
    GRANTS_MAX,
    IDENTITIES_MAX,
    PROFILE_BYTES_MAX,
    PROFILE_SESSIONS_MAX,
)
from engine.page_loads import joined_loads
from engine.profile import Grant, Profile
from engine.stores.base import Store, VisitorRecord
from engine.stores.codec import decode_profile, encode_profile

_RETRY_AFTER_MS = 1_000
_STRICTEST_FIRST = ("denied", "granted", "pending")
"""What holds of two statements on consent: no is kept, and yes is not forgotten."""


def known_visitor(secret: bytes, workspace: str, user: str) -> str:
    """Name the visitor that a user of a workspace is, on every device."""
    return derived_id("vis", secret, workspace, "user", user)


# ---- pure


def merge_profiles(known: Profile, anonymous: Profile) -> Profile:
    """Return the known visitor's profile with what the anonymous one adds; merging again adds nothing.

    Caps are never looser than either's: each message counts once, of two times the later one holds. Of
    attributes, contact and arms the known visitor's own win.
    """
    is_first = anonymous.visitor not in known.identities
    given_back = set() if is_first else _given_back(known, anonymous)
    own = [grant for grant in known.grants if grant.message not in given_back]
    joined = msgspec.structs.replace(
        known,
        attrs=_joined_attributes(known.attrs, anonymous.attrs),
        visits=known.visits + (anonymous.visits if is_first else 0),
        consent=_stricter(known.consent, anonymous.consent),
        grants=_joined_grants(own, anonymous.grants),
        spent=_joined_grants(known.spent, anonymous.spent),
        dismissed_ms=max(known.dismissed_ms, anonymous.dismissed_ms),
        chat_ms=max(known.chat_ms, anonymous.chat_ms),
        arms={**anonymous.arms, **known.arms},
        sessions=_joined_sessions(known.sessions, anonymous.sessions, is_first=is_first),
        contact={**anonymous.contact, **known.contact},
        loads=joined_loads(known.loads, anonymous.loads),
        identities=_newest(
            (*known.identities, *anonymous.identities, anonymous.visitor), IDENTITIES_MAX
        ),
    )
    return joined if _fits(joined) else _lightened(joined, known)


def anonymous_after(anonymous: Profile, merged: Profile) -> Profile:
    """Return the anonymous profile after its merge: its running session goes on under a copy of the caps."""
    return msgspec.structs.replace(
        anonymous,
        attrs=dict(merged.attrs),
        consent=merged.consent,
        grants=list(merged.grants),
        spent=list(merged.spent),
        dismissed_ms=merged.dismissed_ms,
        chat_ms=merged.chat_ms,
        arms=dict(merged.arms),
        contact=dict(merged.contact),
        merged_into=merged.visitor,
    )


def may_be_merged(anonymous: Profile, known: str) -> bool:
    """Tell whether a profile can become part of a known visitor: it is nobody's yet, or that one's."""
    owner = anonymous.merged_into or anonymous.joining
    is_own = bool(anonymous.user) or anonymous.visitor == known
    return not is_own and not anonymous.is_sealed and owner in ("", known)


def _given_back(known: Profile, anonymous: Profile) -> set[str]:
    """Name the messages of merged sessions whose place came back since: they expired unseen."""
    kept = {grant.message for grant in anonymous.grants}
    sessions = frozenset(anonymous.sessions)
    # A full list may have lost its oldest to newer ones.
    oldest_ms = anonymous.grants[0].at_ms if len(anonymous.grants) >= GRANTS_MAX else -1
    return {
        grant.message
        for grant in known.grants
        if grant.session in sessions and grant.message not in kept and grant.at_ms >= oldest_ms
    }


def _joined_grants(known: list[Grant], others: list[Grant]) -> list[Grant]:
    by_message = {grant.message: grant for grant in (*others, *known)}
    joined = sorted(by_message.values(), key=lambda grant: (grant.at_ms, grant.message))
    return joined[-GRANTS_MAX:]


def _joined_attributes(
    known: dict[str, str | int | float | bool], others: dict[str, str | int | float | bool]
) -> dict[str, str | int | float | bool]:
    """Add to the known attributes what they lack, as far as there is room for it."""
    joined = dict(known)
    chars = sum(len(value) for value in known.values() if isinstance(value, str))
    for name, value in others.items():
        size = len(value) if isinstance(value, str) else 0
        if name in joined or len(joined) >= ATTRIBUTES_MAX or chars + size > ATTRIBUTE_CHARS_MAX:
            continue
        joined[name] = value
        chars += size
    return joined


def _joined_sessions(known: list[str], others: list[str], *, is_first: bool) -> list[str]:
    """Put the others' sessions behind the known ones when they come in, where they stay from then on."""
    if is_first:
        return _newest((*known, *others), PROFILE_SESSIONS_MAX)
    added = [session for session in others if session not in known]
    return _newest((*added, *known), PROFILE_SESSIONS_MAX)


def _fits(profile: Profile) -> bool:
    return len(encode_profile(profile)) <= PROFILE_BYTES_MAX


def _lightened(joined: Profile, known: Profile) -> Profile:
    """Leave out of a joined profile what no cap needs, then the oldest of what one may need."""
    lighter = msgspec.structs.replace(
        joined, attrs=known.attrs, arms=known.arms, contact=known.contact
    )
    while not _fits(lighter) and (lighter.grants or lighter.spent):
        lighter.spent = lighter.spent[(len(lighter.spent) + 1) // 2 :]
        if not lighter.spent:
            lighter.grants = lighter.grants[(len(lighter.grants) + 1) // 2 :]
    return lighter


def _newest(values: Iterable[str], limit: int) -> list[str]:
    return list(dict.fromkeys(values))[-limit:]


def _stricter(one: str, other: str) -> str:
    return next((state for state in _STRICTEST_FIRST if state in (one, other)), "")


# ---- through the store


async def link_user(store: Store, workspace: str, user: str, known: str, anonymous: str) -> bool:
    """Make `known` the visitor of a user who proved who they are, and merge an anonymous one into it.

    Returns:
        Whether the anonymous visitor is part of the known one from now on; False when it is another
        user's, or the known one itself, or when one of them is erased.

    Raises:
        StoreUnavailable: do it again; what was done already is found done.
    """
    _, other = await _read(store, workspace, anonymous)
    joined = other.merged_into
    if not joined or joined == known or await proven_user(store, workspace, other):
        return await _join(store, workspace, known, anonymous, user)
    # Clients joined it with another id before: that one is the person who is known now.
    return await _join_all(store, workspace, known, joined, user)


async def proven_user(store: Store, workspace: str, profile: Profile) -> str:
    """Return the user id that a visitor proved, here or as the one this is merged into; "" for none."""
    if profile.user or not profile.merged_into:
        return profile.user
    _, owner = await _read(store, workspace, profile.merged_into)
    return owner.user


async def join_visitors(store: Store, workspace: str, other: str, former: str) -> bool:
    """Merge a visitor into another id that a client says is the same person; nobody vouches for it.

    Returns:
        Whether they are one from now on. False, and nothing is changed, when either of them proved who
        they are or is merged into somebody else (API.md 2.3).

    Raises:
        StoreUnavailable: do it again; what was done already is found done.
    """
    _, profile = await _read(store, workspace, other)
    if profile.is_known or other == former:
        return False
    return await _join_all(store, workspace, other, former, "")


async def _join_all(store: Store, workspace: str, known: str, former: str, user: str) -> bool:
    """Merge a visitor, and those who are part of it already, into `known`."""
    _, before = await _read(store, workspace, former)
    if not await _join(store, workspace, known, former, user):
        return False
    for name in before.identities:
        await _point(store, workspace, name, known)
    return True


async def _join(store: Store, workspace: str, known: str, anonymous: str, user: str) -> bool:
    """Merge `anonymous` into `known`, whom `user` names when it is proven."""
    for _ in range(ATTEMPTS_MAX):
        record, profile = await _read(store, workspace, known)
        other_record, other = await _read(store, workspace, anonymous)
        joins = bool(anonymous) and may_be_merged(other, known)
        if joins and known not in (other.joining, other.merged_into):
            # Who erases the browser from here on finds the known visitor too.
            joining = msgspec.structs.replace(other, joining=known)
            if await _put(store, workspace, joining, other_record) is None:
                anonymous = ""
            continue
        merged = merge_profiles(profile, other) if joins else msgspec.structs.replace(profile)
        merged.user = user or profile.user
        is_kept = None if profile.is_sealed else await _put(store, workspace, merged, record)
        if is_kept is False:
            continue
        if not joins:
            return False
        # Nothing here names a known visitor of whom nothing is kept.
        after = anonymous_after(other, merged) if is_kept else msgspec.structs.replace(other)
        after.joining = ""
        # A grant made meanwhile is a newer version here: it is merged in the next round.
        is_joined = await _put(store, workspace, after, other_record)
        if is_joined is not False:
            return bool(is_kept and is_joined)
    raise StoreUnavailable("none", retry_after_ms=_RETRY_AFTER_MS)


async def _point(store: Store, workspace: str, visitor: str, known: str) -> None:
    """Let a visitor who was merged into one who is merged now lead straight to whom that one is."""
    for _ in range(ATTEMPTS_MAX):
        record, profile = await _read(store, workspace, visitor)
        if record is None or profile.is_sealed or profile.merged_into in ("", known):
            return
        profile.merged_into = known
        if await _put(store, workspace, profile, record) is not False:
            return
    raise StoreUnavailable("none", retry_after_ms=_RETRY_AFTER_MS)


async def carry_spend(store: Store, workspace: str, visitor: str) -> None:
    """Bring what a merged visitor's running session spent since to the known visitor.

    Raises:
        StoreUnavailable: do it again.
    """
    for _ in range(ATTEMPTS_MAX):
        _, other = await _read(store, workspace, visitor)
        if not other.merged_into:
            return
        record, profile = await _read(store, workspace, other.merged_into)
        if profile.is_sealed:
            return
        if await _put(store, workspace, merge_profiles(profile, other), record) is not False:
            return
    raise StoreUnavailable("none", retry_after_ms=_RETRY_AFTER_MS)


async def seal_people(store: Store, workspace: str, people: Iterable[str]) -> tuple[str, ...]:
    """Let none of these visitors be merged any more, before they are erased; answers them with their kin.

    A merge that is under way either ends before, and is seen here, or finds the seal and writes nothing.

    Raises:
        StoreUnavailable: do it again.
    """
    found = list(dict.fromkeys(people))
    for visitor in found:
        kin = await _seal(store, workspace, visitor)
        found.extend(one for one in kin if one not in found)
    return tuple(found)


async def _seal(store: Store, workspace: str, visitor: str) -> tuple[str, ...]:
    """Seal one visitor and name those that they are one person with."""
    for _ in range(ATTEMPTS_MAX):
        record, profile = await _read(store, workspace, visitor)
        if record is None:
            return ()
        sealed = msgspec.structs.replace(profile, is_sealed=True)
        if await _put(store, workspace, sealed, record) is not False:
            kin = (profile.merged_into, profile.joining, *profile.identities)
            return tuple(filter(None, kin))
    raise StoreUnavailable("none", retry_after_ms=_RETRY_AFTER_MS)


async def _read(store: Store, workspace: str, visitor: str) -> tuple[VisitorRecord | None, Profile]:
    record = await store.visitor(workspace, visitor) if visitor else None
    return record, Profile(visitor) if record is None else decode_profile(record.profile)


async def _put(
    store: Store, workspace: str, profile: Profile, record: VisitorRecord | None
) -> bool | None:
    """Write a profile unless it is as it was; False when somebody else wrote it meanwhile.

    None: the visitor was erased, and nothing is kept of them.
    """
    body = encode_profile(profile)
    if record is not None and record.profile == body:
        return True
    expect = 0 if record is None else record.version
    written = await store.put_profile(workspace, profile.visitor, body, expect)
    return None if written is None else isinstance(written, int)
