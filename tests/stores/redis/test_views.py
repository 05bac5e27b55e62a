"""CLUSTER NODES: read as servers write it, and the newest claim on a slot counts."""

import pytest

from engine.stores.redis.address import Address
from engine.stores.redis.handshake import replication
from engine.stores.redis.views import followed, owners, read_nodes

ASKED = Address("10.0.0.9", 9)
A, B, C = Address("10.0.0.1", 1), Address("10.0.0.2", 2), Address("10.0.0.3", 3)

BEFORE = b"""\
aaa 10.0.0.1:1@11 myself,master - 0 0 1 connected 0-99 [99->-bbb]
bbb 10.0.0.2:2@12,host.example master - 0 0 2 connected 100-16382 16383
ccc 10.0.0.3:3@13 slave aaa 0 0 1 connected
"""
AFTER = b"""\
aaa 10.0.0.1:1@11 master,fail - 0 0 1 connected
bbb 10.0.0.2:2@12 master - 0 0 2 connected 100-16383
ccc 10.0.0.3:3@13 myself,master - 0 0 3 connected 0-99
ddd :0@0 master,noaddr - 0 0 0 disconnected
eee 10.0.0.5:5@15 handshake - 0 0 0 disconnected
"""


def test_every_slot_has_the_server_that_claims_it() -> None:
    view = read_nodes(BEFORE, ASKED)
    assert owners([view], [0, 99, 100, 16_382, 16_383]) == [A, A, B, B, B]
    assert followed([view]) == {A}


@pytest.mark.parametrize("views", [(BEFORE, AFTER), (AFTER, BEFORE), (AFTER,)])
def test_the_newest_claim_on_a_slot_counts(views: tuple[bytes, ...]) -> None:
    read = [read_nodes(view, ASKED) for view in views]
    assert owners(read, [0, 100]) == [C, B]


def test_a_failed_follower_does_not_count() -> None:
    view = read_nodes(BEFORE.replace(b"slave aaa", b"slave,fail aaa"), ASKED)
    assert followed([view]) == set()
    doubted = read_nodes(BEFORE.replace(b"slave aaa", b"slave,fail? aaa"), ASKED)
    assert followed([doubted]) == {A}


def test_a_slot_that_nobody_claims_has_no_server() -> None:
    assert owners([read_nodes(BEFORE, ASKED)[:1]], [0, 5_000]) == [A, None]
    assert owners([], [0]) == [None]


def test_a_server_without_a_host_is_the_one_that_was_asked() -> None:
    [seen] = read_nodes(b"aaa :7@17 myself,master - 0 0 1 connected 0-1", ASKED)
    assert seen.address == Address("10.0.0.9", 7)


def test_servers_without_an_address_are_left_out() -> None:
    assert [seen.name for seen in read_nodes(AFTER, ASKED)] == ["aaa", "bbb", "ccc"]
    assert read_nodes(b"\n  \nrubbish", ASKED) == []


def test_followers_in_step_are_counted_by_what_a_primary_says() -> None:
    told = replication(
        b"# Replication\r\nrole:master\r\nconnected_slaves:3\r\n"
        b"slave0:ip=1.2.3.4,port=1,state=online,offset=5,lag=0\r\n"
        b"slave1:ip=1.2.3.4,port=2,state=wait_bgsave,offset=0,lag=0\r\n"
        b"slave2:ip=1.2.3.4,port=3,state=online,offset=5,lag=0\r\n"
        b"slaves_note:state=online\r\nmaster_replid:abc\r\nmaster_replid2:def\r\n"
    )
    assert (told.is_primary, told.online, told.history, told.before) == (True, 2, "abc", "def")
    assert not replication(b"role:slave\r\nmaster_link_status:up\r\n").is_primary
