"""The file with which the command line reaches a running server, and who else does not."""

import stat
from pathlib import Path

import pytest

from server.access.operator_token import left_for_operators, read_access, token_path
from server.config import load_config
from tests.server.running import CONFIG, write_config


def never(count: int) -> bytes:
    return bytes(range(count))


def test_the_token_lies_beside_the_store(tmp_path: Path) -> None:
    assert token_path(write_config(tmp_path)) == tmp_path / "data" / "operator.token"
    text = CONFIG.replace('"memory:"', '"sqlite:///elsewhere/kept.db"')
    assert token_path(write_config(tmp_path, text)) == tmp_path / "elsewhere" / "operator.token"
    assert load_config(tmp_path / "opportune.toml", {}).store.url.startswith("sqlite:")


def test_only_its_owner_may_read_it_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "data" / "operator.token"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o666)
    with left_for_operators(path, "http://127.0.0.1:8700", never) as token:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        access = read_access(path)
        assert access is not None
        assert (access.token, access.address) == (token, "http://127.0.0.1:8700")
        assert len(token) == 64
    assert not path.exists()


def test_the_token_of_another_server_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    with left_for_operators(path, "http://127.0.0.1:1", never):
        path.write_text("other\nhttp://127.0.0.1:2\n")
    assert read_access(path) is not None


@pytest.mark.parametrize("content", [None, b"", b"one line\n", b"a\nb\nc\n", b"\xff\xfe\nx\n"])
def test_what_is_no_token_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "operator.token"
    if content is not None:
        path.write_bytes(content)
    assert read_access(path) is None
