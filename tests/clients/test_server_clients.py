"""Unmodified clients for servers tell a visit: it comes in whole and once, and a rule speaks."""

from tests.browser.backend import TOKEN, Backend
from tests.clients.fault_proxy import Fault, FaultProxy
from tests.clients.sent_events import event_ids
from tests.clients.stored import spoken, stored_ids
from tests.clients.visits import make_visit

FAULTS: tuple[Fault, ...] = ("503", "429", "cut")


def _sent(proxy: FaultProxy) -> set[str]:
    return {one for asked, _ in proxy.events() for one in event_ids(asked)}


def test_a_visit_comes_in_whole_and_a_rule_speaks(
    client: str, backend: Backend, proxy: FaultProxy
) -> None:
    visitor, user = f"{client}-visitor", f"{client}-user"
    visit = make_visit(client, proxy.address, TOKEN, visitor, user)
    assert visit.errors == []
    assert {answered.status for _, answered in proxy.passed} == {200}
    sent = _sent(proxy)
    assert len(sent) >= visit.told
    assert stored_ids(backend, visitor, user) == sorted(sent)
    assert spoken(backend, visitor, user) == "Ada, shall we keep the tent for you until tomorrow?"


def test_the_same_requests_again_are_the_same_events(
    client: str, backend: Backend, proxy: FaultProxy
) -> None:
    visitor, user = f"{client}-again", f"{client}-again-user"
    make_visit(client, proxy.address, TOKEN, visitor, user)
    sent = _sent(proxy)
    again = [proxy.pass_on(asked) for asked, _ in proxy.events()]
    assert {answered.status for answered in again} == {200}
    assert stored_ids(backend, visitor, user) == sorted(sent)


def test_answers_that_fail_lose_and_double_nothing(
    client: str, backend: Backend, proxy: FaultProxy
) -> None:
    visitor, user = f"{client}-failing", f"{client}-failing-user"
    proxy.faults += FAULTS
    visit = make_visit(client, proxy.address, TOKEN, visitor, user)
    assert proxy.befallen == list(FAULTS)
    assert visit.errors == []
    times = [one for asked, _ in proxy.events() for one in event_ids(asked)]
    sent = set(times)
    assert len(sent) >= visit.told
    assert len(times) > len(sent), "what was cut off was sent twice"
    assert stored_ids(backend, visitor, user) == sorted(sent)


def test_a_client_with_an_unknown_key_is_told_so_and_gives_up(
    client: str, proxy: FaultProxy
) -> None:
    visit = make_visit(client, proxy.address, "wk_nobody", "nobody", "nobody-user")
    assert visit.errors != []
    assert {answered.status for _, answered in proxy.events()} == {401}
