"""API keys made, found, listed and revoked, and what is remembered of their use."""

import hashlib
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.ids import Ids, system_random_bytes
from engine.stores.base import Doc, Retention
from engine.stores.memory.store import MemoryStore
from engine.testing.manual_clock import ManualClock
from server.access.api_keys import is_possible
from server.access.key_ring import HOUR_MS, KEYS_MAX, KeyRefused, KeyRing, KeyRow
from tests.server.running import API_KEY, write_config

pytestmark = pytest.mark.anyio


class Desk:
    """A key ring with what it needs to make keys."""

    def __init__(self, folder: Path, store: MemoryStore | None = None) -> None:
        self.clock = ManualClock()
        self.store = store or MemoryStore(self.clock.now_ms, Retention())
        self.workspaces = write_config(folder).workspaces
        self.keys = KeyRing(self.workspaces, self.store)

    async def create(
        self, name: str = "crm", workspace: str = "ws_dev", scopes: tuple[str, ...] = ("*",)
    ) -> tuple[KeyRow, str]:
        return await self.keys.create(
            workspace,
            name,
            label="test",
            scopes=scopes,
            ids=Ids(self.clock),
            random_bytes=system_random_bytes,
            now_ms=self.clock.now_ms(),
        )

    async def of_store(self, workspace: str = "ws_dev") -> list[KeyRow]:
        return [row for row in await self.keys.rows(workspace) if row.origin == "store"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def test_a_new_key_is_in_force_at_once_and_kept_as_a_hash(desk: Desk) -> None:
    row, text = await desk.create(scopes=("sessions:read", "messages:send"))
    assert text.startswith("op_test_")
    assert is_possible(text)
    found = desk.keys.find(digest(text))
    assert found is not None
    assert (found.workspace.id, found.name) == ("ws_dev", "crm")
    assert found.scopes == {"sessions:read", "messages:send"}
    docs = await desk.store.list_docs("ws_dev", "api_key")
    assert len(docs) == 1
    assert text.encode() not in docs[0].body
    assert (row.last4, row.revoked_ms) == (text[-4:], 0)


async def test_a_list_never_shows_a_key(desk: Desk) -> None:
    _, text = await desk.create()
    rows = await desk.keys.rows("ws_dev")
    assert [row.origin for row in rows] == ["file", "file", "file", "store"]
    assert text not in repr(rows)
    assert API_KEY not in repr(rows)
    assert rows[0].last4 == API_KEY[-4:]


async def test_a_revoked_key_is_unknown_at_once_and_after_a_restart(desk: Desk) -> None:
    row, text = await desk.create()
    desk.clock.advance(1_000)
    revoked = await desk.keys.revoke("ws_dev", row.id, desk.clock.now_ms())
    assert revoked.revoked_ms == desk.clock.now_ms()
    assert desk.keys.find(digest(text)) is None
    again = KeyRing(desk.workspaces, desk.store)
    await again.load()
    assert again.find(digest(text)) is None
    assert (await desk.of_store())[0].revoked_ms == revoked.revoked_ms


async def test_keys_are_found_again_after_a_restart(desk: Desk) -> None:
    _, text = await desk.create(workspace="ws_other")
    again = KeyRing(desk.workspaces, desk.store)
    assert again.find(digest(text)) is None
    await again.load()
    found = again.find(digest(text))
    assert found is not None
    assert found.workspace.id == "ws_other"


async def test_two_active_keys_of_one_name_are_a_rotation_and_three_are_refused(
    desk: Desk,
) -> None:
    first, first_text = await desk.create()
    _, second_text = await desk.create()
    assert desk.keys.find(digest(first_text)) is not None
    assert desk.keys.find(digest(second_text)) is not None
    with pytest.raises(KeyRefused, match="revoke one first"):
        await desk.create()
    with pytest.raises(KeyRefused, match="more than one active key"):
        await desk.keys.revoke("ws_dev", "crm", 1)
    await desk.keys.revoke("ws_dev", first.id, 1)
    await desk.keys.revoke("ws_dev", "crm", 2)
    assert desk.keys.find(digest(second_text)) is None


async def test_a_key_of_the_file_counts_for_the_rotation_and_stays_in_the_file(desk: Desk) -> None:
    await desk.create(name="dev")
    with pytest.raises(KeyRefused, match="revoke one first"):
        await desk.create(name="dev")
    with pytest.raises(KeyRefused, match="configuration file"):
        await desk.keys.revoke("ws_dev", "reader", 1)


async def test_revoking_twice_changes_nothing(desk: Desk) -> None:
    row, _ = await desk.create()
    first = await desk.keys.revoke("ws_dev", row.id, 5)
    assert await desk.keys.revoke("ws_dev", row.id, 9) == first


async def test_another_workspaces_key_looks_like_none(desk: Desk) -> None:
    row, text = await desk.create(workspace="ws_other")
    with pytest.raises(KeyRefused, match="has no key"):
        await desk.keys.revoke("ws_dev", row.id, 1)
    assert desk.keys.find(digest(text)) is not None


@pytest.mark.parametrize(
    ("name", "workspace", "scopes", "words"),
    [
        ("", "ws_dev", ("*",), "name has 1 to 200"),
        ("x" * 201, "ws_dev", ("*",), "name has 1 to 200"),
        ("a\x00b", "ws_dev", ("*",), "name has 1 to 200"),
        ("crm", "ws_nowhere", ("*",), "no workspace ws_nowhere"),
        ("crm", "ws_dev", ("sessions:delete",), "no scope sessions:delete"),
        ("crm", "ws_dev", (), "may do nothing"),
    ],
)
async def test_what_cannot_be_a_key_is_refused_with_what_to_do(
    desk: Desk, name: str, workspace: str, scopes: tuple[str, ...], words: str
) -> None:
    with pytest.raises(KeyRefused, match=words):
        await desk.create(name, workspace, scopes)


async def test_keys_are_bounded_and_the_longest_revoked_leave_first(desk: Desk) -> None:
    rows = [(await desk.create(f"key-{number}"))[0] for number in range(KEYS_MAX)]
    with pytest.raises(KeyRefused, match="100 active keys"):
        await desk.create("one more")
    await desk.keys.revoke("ws_dev", rows[7].id, 1)
    await desk.keys.revoke("ws_dev", rows[3].id, 2)
    await desk.create("one more")
    kept = {row.id for row in await desk.of_store()}
    assert len(kept) == KEYS_MAX
    assert rows[7].id not in kept
    assert rows[3].id in kept


# ---- use


async def test_a_keys_use_is_kept_to_the_hour(desk: Desk) -> None:
    row, text = await desk.create()
    found = desk.keys.find(digest(text))
    assert found is not None
    for _ in range(3):
        desk.keys.touch(found, desk.clock.now_ms())
    await desk.keys.settle()
    hour_ms = desk.clock.now_ms() // HOUR_MS * HOUR_MS
    assert (await desk.of_store())[0].last_used_ms == hour_ms
    docs = await desk.store.list_docs("ws_dev", "api_key_use")
    assert [doc.version for doc in docs] == [1]
    desk.clock.advance(HOUR_MS)
    desk.keys.touch(found, desk.clock.now_ms())
    await desk.keys.settle()
    assert (await desk.of_store())[0].last_used_ms == hour_ms + HOUR_MS
    assert row.last_used_ms == 0


async def test_a_use_that_could_not_be_noted_is_noted_by_the_next_one(tmp_path: Path) -> None:
    class Down(MemoryStore):
        is_down = True

        async def get_doc(self, workspace: str, kind: str, name: str) -> Doc | None:
            if self.is_down:
                raise StoreUnavailable("none", 1_000)
            return await super().get_doc(workspace, kind, name)

    store = Down(lambda: 1, Retention())
    desk = Desk(tmp_path, store)
    found = desk.keys.find(digest(API_KEY))
    assert found is not None
    for is_down in (True, False):
        store.is_down = is_down
        desk.keys.touch(found, desk.clock.now_ms())
        await desk.keys.settle()
    assert (await desk.keys.rows("ws_dev"))[0].last_used_ms > 0
