"""Events of other tools' clients find their visitor's session, whatever the visitor is called now."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine.events import Event
from engine.identity import known_visitor
from engine.profile import Profile
from engine.session import Session
from server import admission
from server.access.auth import WidgetAccess
from server.errors import ApiError
from server.ingest import taking
from server.ingest.arrivals import Arrival, TakenIn
from server.ingest.taking import VISITORS_AT_ONCE_MAX, Sender, take
from server.services import Services
from server.widget_visits import visitor_profile
from tests.server.running import (
    AC_PAGE,
    CONFIG,
    RULES,
    TestServer,
    in_process,
    write_config,
)

pytestmark = pytest.mark.anyio
ONCE_A_WEEK = f"""
{RULES}
attribute visitor.user_id: text optional
policy {{ at most 1 per 7d }}
"""
ASKING = CONFIG.replace('source_id = "site_dev"', 'source_id = "site_dev"\n  consent = "required"')
IDLE_MS = 30 * 60_000


@pytest.fixture
async def weekly(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestServer]:
    async with in_process(write_config(tmp_path, rules=ONCE_A_WEEK)) as running:
        yield running


def services_of(server: TestServer) -> Services:
    return server.parts.app.services


def sender(
    server: TestServer, *, gpc: bool | None = False, vouches: bool = False, token: str = "wk_dev"
) -> Sender:
    access = services_of(server).credentials.widget(token)
    assert isinstance(access, WidgetAccess)
    return Sender(access, gpc, vouches)


def arrival(server: TestServer, visitor: str, name: str = "click", **more: str) -> Arrival:
    identity = more.pop("id", "")
    told = ("state", "message_id")
    properties: dict[str, object] = {key: more.pop(key) for key in told if key in more}
    event = Event(
        id=identity,
        name=name,
        at_ms=server.clock.now_ms(),
        url=AC_PAGE if name == "view" else None,
        properties=properties,
        origin="segment",
    )
    return Arrival(visitor, [event], **more)


async def taken(server: TestServer, *arrivals: Arrival, by: Sender | None = None) -> TakenIn:
    # Events are taken out of arrivals; those of a test may be sent again.
    sent = [msgspec.structs.replace(one, events=list(one.events)) for one in arrivals]
    return await take(services_of(server), by or sender(server), sent, 100)


async def session_of(server: TestServer, visitor: str) -> Session:
    runtime = services_of(server).runtime
    ref = await runtime.latest_session("ws_dev", visitor)
    assert ref is not None
    read = await runtime.read(ref)
    assert read is not None
    return read[0]


async def events_in(server: TestServer, visitor: str) -> int:
    """Count the events of a session, without the one that began it."""
    return (await session_of(server, visitor)).state.events - 1


async def profile(server: TestServer, visitor: str) -> Profile:
    return await visitor_profile(services_of(server), "ws_dev", visitor)


async def messages(server: TestServer, visitor: str) -> list[str]:
    session = await session_of(server, visitor)
    return [message.id for message in session.messages]


async def see_message(server: TestServer, visitor: str) -> None:
    """Let a visitor wait for the message and see it: only what was seen stays counted."""
    await server.pass_time(45_000)
    (message,) = await messages(server, visitor)
    await taken(server, arrival(server, visitor, "message_displayed", message_id=message))


# ---- sessions


async def test_events_without_a_visit_share_a_session_until_thirty_minutes_pass(
    server: TestServer,
) -> None:
    await taken(server, arrival(server, "ann", "view"))
    first = (await session_of(server, "ann")).id
    await server.pass_time(IDLE_MS - 1)
    await taken(server, arrival(server, "ann"))
    assert (await session_of(server, "ann")).id == first
    await server.pass_time(IDLE_MS)
    await taken(server, arrival(server, "ann", "view"))
    second = await session_of(server, "ann")
    assert second.id != first
    assert (await profile(server, "ann")).visits == 2


async def test_each_visit_of_a_client_is_a_session(server: TestServer) -> None:
    for visit in ("1", "2", "1"):
        await taken(server, arrival(server, "ann", visit=visit))
    assert (await profile(server, "ann")).visits == 2


async def test_a_visit_s_number_is_the_visitor_s_own(server: TestServer) -> None:
    # Clients number visits by the second in which they began: two visitors may have one number.
    await taken(server, arrival(server, "ann", visit="7"), arrival(server, "ben", visit="7"))
    assert (await session_of(server, "ann")).id != (await session_of(server, "ben")).id


async def test_a_visitor_who_is_here_by_the_platform_goes_on_there(server: TestServer) -> None:
    made = await server.open_session(name="Ann")
    await taken(server, arrival(server, made["visitor_id"], "view"))
    assert (await session_of(server, made["visitor_id"])).id == made["session_id"]
    assert (await profile(server, made["visitor_id"])).visits == 1


async def test_another_site_s_session_is_left_alone(server: TestServer) -> None:
    await taken(server, arrival(server, "ann"), by=sender(server, token="wk_strict"))
    strict = (await session_of(server, "ann")).id
    await taken(server, arrival(server, "ann"))
    here = await session_of(server, "ann")
    assert (here.id != strict, here.source) == (True, "site_dev")


async def test_a_batch_of_many_visitors_is_taken_whole(server: TestServer) -> None:
    names = [f"v{number}" for number in range(VISITORS_AT_ONCE_MAX + 3)]
    arrivals = [arrival(server, name, id=f"{name}-{n}") for n in range(2) for name in names]
    assert await taken(server, *arrivals) == TakenIn(len(arrivals), 0)
    assert await taken(server, *arrivals) == TakenIn(0, len(arrivals))
    assert all([(await profile(server, name)).visits == 1 for name in names])


async def test_more_events_of_a_visitor_than_one_commit_takes_are_all_taken(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "RUN_LEN_MAX", 7)
    events = [arrival(server, "ann", id=f"e{number}") for number in range(20)]
    assert await taken(server, *events) == TakenIn(20, 0)
    big = {"text": "x" * 300_000}
    wide = [
        msgspec.structs.replace(
            one,
            events=[msgspec.structs.replace(one.events[0], id=f"w{n}", properties=big)],
            size_bytes=300_000,
        )
        for n, one in enumerate(events[:3])
    ]
    assert await taken(server, *wide) == TakenIn(3, 0)
    assert await events_in(server, "ann") == 23


async def test_too_much_that_waits_refuses_the_whole_request(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "EVENTS_WAITING_MAX", 1)
    with pytest.raises(ApiError) as refused:
        await taken(server, arrival(server, "ann"), arrival(server, "ben"))
    assert refused.value.reason == "queue_full"
    assert await services_of(server).runtime.latest_session("ws_dev", "ann") is None


# ---- one person, several ids


async def test_a_new_name_goes_on_in_the_running_session(weekly: TestServer) -> None:
    await taken(weekly, arrival(weekly, "anon", "view"))
    running = (await session_of(weekly, "anon")).id
    await taken(weekly, arrival(weekly, "u1", "identify", former="anon", user="u1"))
    await see_message(weekly, "u1")
    assert (await session_of(weekly, "u1")).id == running
    assert (await profile(weekly, "u1")).visits == 1


async def test_a_new_name_resets_no_cap(weekly: TestServer) -> None:
    await taken(weekly, arrival(weekly, "anon", "view"))
    first = (await session_of(weekly, "anon")).id
    await see_message(weekly, "anon")
    await taken(weekly, arrival(weekly, "u1", "identify", former="anon", user="u1"))
    await weekly.pass_time(2 * IDLE_MS)
    await taken(weekly, arrival(weekly, "u1", "view"))
    second = (await session_of(weekly, "u1")).id
    await weekly.pass_time(50_000)
    assert second != first
    assert await messages(weekly, "u1") == []


async def test_a_message_after_the_join_counts_for_the_new_name_too(weekly: TestServer) -> None:
    await taken(weekly, arrival(weekly, "anon", "view"))
    await taken(weekly, arrival(weekly, "u1", "identify", former="anon", user="u1"))
    await see_message(weekly, "u1")
    await weekly.pass_time(2 * IDLE_MS)
    await taken(weekly, arrival(weekly, "u1", "view"))
    await weekly.pass_time(50_000)
    assert await messages(weekly, "u1") == []


async def test_a_visitor_of_no_other_name_is_asked_again(weekly: TestServer) -> None:
    # What the two tests above would miss if nobody were spoken to in a second session.
    await taken(weekly, arrival(weekly, "anon", "view"))
    await see_message(weekly, "anon")
    await taken(weekly, arrival(weekly, "ben", "view"))
    await see_message(weekly, "ben")


async def test_names_of_one_request_are_taken_in_their_order(weekly: TestServer) -> None:
    both = (
        arrival(weekly, "anon", "view", id="e1"),
        arrival(weekly, "u1", "identify", former="anon", user="u1", id="e2"),
        arrival(weekly, "u1", "click", id="e3"),
    )
    assert await taken(weekly, *both) == TakenIn(3, 0)
    assert (await profile(weekly, "u1")).identities == ["anon"]
    assert (await profile(weekly, "anon")).visits == 1
    assert await taken(weekly, *both) == TakenIn(0, 3)


async def test_a_long_id_of_a_visit_leads_to_it_under_every_name(weekly: TestServer) -> None:
    visit = "0199-aaaa-bbbb-cccc-dddd-eeee-ffff-0000"
    await taken(weekly, arrival(weekly, "anon", "view", visit=visit))
    running = (await session_of(weekly, "anon")).id
    # A client tells at once who the visitor is, and later what they did before, under the id of before.
    await taken(weekly, arrival(weekly, "u1", "identify", former="anon", visit=visit))
    await taken(weekly, arrival(weekly, "anon", visit=visit))
    await taken(weekly, arrival(weekly, "u1", visit=visit))
    assert (await session_of(weekly, "u1")).id == running
    assert await events_in(weekly, "u1") == 4


@pytest.mark.parametrize("visit", ["", "7"])
async def test_what_comes_late_under_the_former_id_comes_into_the_same_session(
    weekly: TestServer, visit: str
) -> None:
    await taken(weekly, arrival(weekly, "u1", "identify", former="anon", visit=visit))
    await taken(weekly, arrival(weekly, "anon", "view", visit=visit))
    assert await events_in(weekly, "u1") == 2


async def test_a_chain_of_names_leads_to_the_last(weekly: TestServer) -> None:
    await taken(weekly, arrival(weekly, "a", "view"))
    await taken(weekly, arrival(weekly, "b", "identify", former="a"))
    await taken(weekly, arrival(weekly, "c", "identify", former="b"))
    assert (await profile(weekly, "a")).merged_into == "c"
    assert (await profile(weekly, "b")).merged_into == "c"
    assert (await profile(weekly, "c")).merged_into == ""
    await taken(weekly, arrival(weekly, "a", "identify", former="c"))
    assert (await profile(weekly, "c")).merged_into == ""


async def test_nobody_is_joined_with_a_user_who_proved_it(server: TestServer) -> None:
    await taken(server, arrival(server, "ann", "view"))
    await taken(server, arrival(server, "ann", user="u1"), by=sender(server, vouches=True))
    known = known_visitor(services_of(server).secret, "ws_dev", "u1")
    assert (await profile(server, "ann")).merged_into == known
    await taken(server, arrival(server, "eve", "view"))
    for visitor, former in ((known, "eve"), ("eve", known), ("eve", "ann"), ("ann", "eve")):
        await taken(server, arrival(server, visitor, "identify", former=former))
    assert (await profile(server, "eve")).merged_into == ""
    assert (await profile(server, "eve")).identities == []
    assert (await profile(server, known)).identities == ["ann"]


async def test_a_proof_reaches_whom_clients_had_joined_before(server: TestServer) -> None:
    await taken(server, arrival(server, "anon", "view"))
    await taken(server, arrival(server, "u1", "identify", former="anon"))
    await taken(server, arrival(server, "u1", user="u1"), by=sender(server, vouches=True))
    known = known_visitor(services_of(server).secret, "ws_dev", "u1")
    assert (await profile(server, "anon")).merged_into == known
    assert (await profile(server, "u1")).merged_into == known
    assert (await profile(server, known)).user == "u1"


async def test_a_claimed_user_id_is_an_attribute_and_leads_to_the_session(
    weekly: TestServer,
) -> None:
    await taken(weekly, arrival(weekly, "ann", "view"))
    await taken(weekly, arrival(weekly, "ann", user="u1"))
    await taken(weekly, arrival(weekly, "u1", "purchase", user="u1"))
    assert (await session_of(weekly, "ann")).state.last_event == "purchase"
    assert (await profile(weekly, "u1")).visits == 0
    assert (await profile(weekly, "ann")).attrs["visitor.user_id"] == "u1"
    assert (await profile(weekly, "ann")).user == ""


async def test_a_server_s_word_proves_a_user_and_others_are_told(server: TestServer) -> None:
    told: list[object] = []
    services_of(server).runtime.on_cause(told.append)
    await taken(server, arrival(server, "ann", "view", user="u1"), by=sender(server, vouches=True))
    known = known_visitor(services_of(server).secret, "ws_dev", "u1")
    assert (await profile(server, known)).user == "u1"
    assert any("VisitorIdentified(user='u1')" in repr(cause) for cause in told)


# ---- privacy


async def test_a_browser_that_asks_for_privacy_leaves_nothing(server: TestServer) -> None:
    quiet = sender(server, gpc=True)
    assert await taken(server, arrival(server, "ann", "view"), by=quiet) == TakenIn(0, 0)
    assert await services_of(server).store.visitor("ws_dev", "ann") is None


async def test_a_server_says_nothing_of_the_privacy_signal(server: TestServer) -> None:
    quiet = sender(server, gpc=True)
    granted = arrival(server, "ann", "consent", state="granted")
    await taken(server, granted, by=quiet)
    assert (await session_of(server, "ann")).has_opted_out
    await taken(server, arrival(server, "ann"), by=sender(server, gpc=None))
    assert (await session_of(server, "ann")).has_opted_out
    await taken(server, arrival(server, "ann"), by=sender(server, gpc=False))
    assert not (await session_of(server, "ann")).has_opted_out


async def test_a_site_that_asks_first_keeps_nothing_before_the_answer(
    tmp_path: Path,
) -> None:
    async with in_process(write_config(tmp_path, ASKING)) as server:
        assert await taken(server, arrival(server, "ann", "view")) == TakenIn(0, 0)
        assert await services_of(server).store.visitor("ws_dev", "ann") is None
        await taken(server, arrival(server, "ann", "consent", state="granted"))
        assert await taken(server, arrival(server, "ann", "view")) == TakenIn(1, 0)
        await taken(server, arrival(server, "ann", "consent", state="denied"))
        assert await taken(server, arrival(server, "ann", "view")) == TakenIn(0, 0)
