"""What is left of each cap of a policy, for a visitor at an instant."""

from engine.allowances import Allowance, allowances
from engine.message import Message
from engine.profile import Grant, Profile
from engine.session import new_session
from tests.engine.world import HELP, program_of

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS


def profile(*days_ago: float) -> Profile:
    grants = [
        Grant(NOW_MS - int(days * DAY_MS), "help", f"s{index}", f"m{index}")
        for index, days in enumerate(sorted(days_ago, reverse=True))
    ]
    return Profile("v", grants=grants)


def caps(policy: str, known: Profile, *epochs: int, epoch: int = 0) -> tuple[Allowance, ...]:
    program = program_of("policy {\n  " + policy + "\n}\n" + HELP)
    session = new_session("w", "v", "chat_1", "site", NOW_MS)
    session.epoch = epoch
    session.messages = [
        Message(f"m{n}", "", NOW_MS, epoch=number) for n, number in enumerate(epochs)
    ]
    return allowances(program, known, session, NOW_MS)


def test_a_rolling_cap_counts_what_is_inside_its_window() -> None:
    (cap,) = [one for one in caps("at most 3 per 7d", profile(8, 6, 1)) if one.scope == "visitor"]
    assert cap == Allowance("visitor", 2, 3, 7 * DAY_MS, None)


def test_a_full_rolling_cap_opens_when_its_oldest_message_leaves_it() -> None:
    (cap,) = [one for one in caps("at most 2 per 7d", profile(6, 1)) if one.scope == "visitor"]
    assert (cap.used, cap.opens_ms) == (2, NOW_MS + DAY_MS)


def test_a_cap_for_ever_never_opens() -> None:
    (cap,) = [one for one in caps("at most 1 per visitor", profile(90)) if one.scope == "visitor"]
    assert cap == Allowance("visitor", 1, 1, None, None)


def test_a_session_s_cap_counts_anew_after_an_engagement_where_the_policy_says_so() -> None:
    (strict,) = caps("at most 2 per session", profile(), 0, 1, epoch=1)
    (again,) = caps("at most 2 per session unless engaged", profile(), 0, 1, epoch=1)
    assert (strict.used, again.used) == (2, 1)


def test_without_a_running_session_nothing_of_its_cap_is_used() -> None:
    program = program_of("policy {\n  at most 1 per session\n}\n" + HELP)
    assert allowances(program, profile(1), None, NOW_MS) == (
        Allowance("session", 0, 1, None, None),
    )
