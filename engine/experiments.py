"""Sticky buckets for variants and holdouts: a hash of the unit, stored at the first assignment.

bucket(seed, unit) = the first 8 bytes, big-endian, of sha256(seed, 0x1F, unit id) mod 10,000
(LANGUAGE.md 10). Seeds: `SITE:holdout`, `RULE:holdout`, `RULE:variant`.
"""

from hashlib import sha256

from engine.profile import Profile
from engine.session import Session
from rules.checked import CheckedSet, RulePlan, VariantPlan

BUCKETS = 10_000


def bucket(seed: str, unit: str) -> int:
    """Return a unit's bucket, 0 to 9,999, the same for ever."""
    digest = sha256(f"{seed}\x1f{unit}".encode()).digest()
    return int.from_bytes(digest[:8]) % BUCKETS


def is_held_out(
    checked: CheckedSet, rule: RulePlan, session: Session, profile: Profile
) -> tuple[bool, dict[str, str]]:
    """Decide the policy's holdout, then the rule's own, for the winner alone.

    Returns:
        Whether the unit is held out, and the arms that were assigned for the first time.
    """
    assigned: dict[str, str] = {}
    policy = checked.policy.holdout
    if policy is not None:
        unit = _unit(policy.unit, session)
        held_out = _is_out(f"{checked.site}:holdout", unit, policy.percent, profile, assigned)
        if policy.unit == "session":
            # The arm is the session's, not the visitor's: the hash alone keeps it.
            assigned.clear()
        if held_out:
            return True, assigned
    if rule.holdout_percent > 0:
        seed = f"{rule.name}:holdout"
        if _is_out(seed, session.visitor, rule.holdout_percent, profile, assigned):
            return True, assigned
    return False, assigned


def is_policy_held_out(checked: CheckedSet, session: Session, profile: Profile) -> bool:
    """Tell whether the policy's holdout alone silences a unit; nothing is assigned."""
    policy = checked.policy.holdout
    if policy is None:
        return False
    return _is_out(
        f"{checked.site}:holdout", _unit(policy.unit, session), policy.percent, profile, {}
    )


def pick_variant(
    rule: RulePlan, session: Session, profile: Profile
) -> tuple[VariantPlan, dict[str, str]]:
    """Pick the visitor's variant of a rule: the stored one while it exists, else by consecutive ranges.

    Returns:
        The variant, and the arm when it was assigned for the first time.
    """
    if len(rule.variants) == 1:
        return rule.variants[0], {}
    seed = f"{rule.name}:variant"
    known = profile.arms.get(seed)
    for variant in rule.variants:
        if variant.name == known:
            return variant, {}
    place = bucket(seed, session.visitor)
    upper = 0.0
    for variant in rule.variants:
        upper += variant.percent * (BUCKETS / 100)
        if place < upper:
            return variant, {seed: variant.name}
    # Weights of thirds sum to a hair under 100 %: the last range is closed.
    return rule.variants[-1], {seed: rule.variants[-1].name}


def _unit(kind: str, session: Session) -> str:
    if kind == "session":
        return session.id
    if kind == "company":
        company = session.state.attrs.get("visitor.company")
        if company is not None:
            return str(company)
    return session.visitor


def _is_out(
    seed: str, unit: str, percent: float, profile: Profile, assigned: dict[str, str]
) -> bool:
    known = profile.arms.get(seed)
    if known is None:
        known = "out" if bucket(seed, unit) < percent * (BUCKETS / 100) else "in"
        assigned[seed] = known
    return known == "out"
