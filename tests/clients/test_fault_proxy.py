"""The proxy in front of the clients' server fails when it is told to, and at no other time."""

import http.client
import json

import pytest

from tests.clients.fault_proxy import FaultProxy, failing
from tests.clients.recorder import Recorder, recording
from tests.clients.sent_events import event_ids


def _ask(proxy: FaultProxy, target: str, body: bytes = b"{}") -> int:
    connection = http.client.HTTPConnection(proxy.address.removeprefix("http://"), timeout=5)
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def _standing(recorder: Recorder) -> int:
    return int(recorder.address.rpartition(":")[2])


def test_faults_befall_requests_with_events_in_their_order() -> None:
    with recording() as recorder, failing(_standing(recorder), "503", "429") as proxy:
        assert [_ask(proxy, "/v1/batch") for _ in range(3)] == [503, 429, 200]
        assert [one.target for one in recorder.asked] == ["/v1/batch"]


def test_what_brings_no_events_is_always_passed_on() -> None:
    with recording() as recorder, failing(_standing(recorder), "503") as proxy:
        assert _ask(proxy, "/flags/?v=2") == 200
        assert proxy.befallen == []


def test_a_cut_request_has_reached_the_server() -> None:
    with recording() as recorder, failing(_standing(recorder), "cut") as proxy:
        body = json.dumps({"batch": [{"messageId": "m-1"}]}).encode()
        with pytest.raises(ConnectionError):
            _ask(proxy, "/v1/batch", body)
        assert [event_ids(one) for one in recorder.asked] == [["m-1"]]
        assert proxy.befallen == ["cut"]
