"""Settings of a model assistant: what the configuration refuses, and what it becomes."""

from pathlib import Path

import pytest

from server.config import load_config
from server.config_file import ConfigProblem
from tests.server.running import CONFIG

OWN = '  id = "asst_dev"\n  name = "Helper"\n'
MODEL = '  kind = "openai"\n  base_url = "http://127.0.0.1:1/v1"\n  model = "small-1"\n'


def load(folder: Path, lines: str) -> object:
    (folder / "rules").mkdir()
    (folder / "opportune.toml").write_text(CONFIG.replace(OWN, OWN + lines))
    return load_config(folder / "opportune.toml", {}).workspaces[0].assistants[0]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('  kind = "openai"\n', 'base_url: kind = "openai" needs base_url and model'),
        (MODEL.replace("http://", "ftp://"), "base_url: is not an absolute https URL"),
        (MODEL.replace("127.0.0.1:1", "a@127.0.0.1"), "base_url: has user information"),
        (MODEL.replace("/v1", "/v1?key=1"), "base_url: has a query or a fragment"),
        (MODEL + '  api_key = "ключ"\n', "api_key: has characters that no header can carry"),
        (MODEL + '  api_key = "one two"\n', "api_key: has characters that no header can carry"),
        (MODEL + "  history_messages = 51\n", "history_messages"),
        (MODEL + "  max_tokens = 0\n", "max_tokens"),
        (MODEL + "  temperature = 3\n", "temperature"),
    ],
)
def test_a_model_that_cannot_be_asked_stops_the_start(
    tmp_path: Path, lines: str, words: str
) -> None:
    with pytest.raises(ConfigProblem) as problem:
        load(tmp_path, lines)
    assert f"workspaces[0].assistants[0].{words.partition(': ')[0]}" in str(problem.value)
    assert words.partition(": ")[2] in str(problem.value)
    assert "ключ" not in str(problem.value)


@pytest.mark.parametrize(
    "url", ["https://llm.example.com/v1", "http://[::1]:8080/v1/", "http://10.0.0.7/v1"]
)
def test_a_private_address_is_the_operator_s_own(tmp_path: Path, url: str) -> None:
    load(tmp_path, MODEL.replace("http://127.0.0.1:1/v1", url))
