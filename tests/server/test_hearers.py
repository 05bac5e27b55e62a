"""Who hears of causes in a running server: nothing that a commit asks for is without somebody who does it."""

import asyncio
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from engine.causes import FollowUp
from tests.server.running import CONFIG, TestServer, in_process, listening, write_config

pytestmark = pytest.mark.anyio


async def test_every_kind_of_work_has_somebody_who_does_it(server: TestServer) -> None:
    works = get_args(get_type_hints(FollowUp)["work"])
    known = server.parts.app.services.outbox.works
    assert set(works) == known


async def test_an_answer_that_was_due_at_a_crash_is_given_after_the_restart(
    tmp_path: Path, anyio_backend: str
) -> None:
    config = write_config(tmp_path, _on_disk(tmp_path))
    # Without its lifespan the application commits and does no follow-up, as in a crash right after.
    async with in_process(config) as server:
        session = await server.open_session(id="vis_1")
        runtime = server.parts.runtime
        ref = await runtime.find("ws_dev", session["session_id"])
        assert ref is not None
        question = await runtime.say(ref, "Do you open on Sundays?")
        assert question is not None
        assert len(await runtime.messages(ref, 0, 10)) == 1
    async with listening(config) as live:
        runtime = live.server.parts.runtime
        async with asyncio.timeout(5):
            while len(await runtime.messages(ref, 0, 10)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        said = await runtime.messages(ref, 0, 10)
        assert [message.author for message in said] == ["visitor", "assistant"]
        services = live.server.parts.app.services
        async with asyncio.timeout(5):
            while await services.store.take_causes():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def _on_disk(folder: Path) -> str:
    return CONFIG.replace('"memory:"', f'"sqlite:///{folder}/test.db"')
