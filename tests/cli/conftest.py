"""A folder with a configuration, in which a command is run."""

from pathlib import Path

import pytest

from tests.cli.running import CONFIG


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "opportune.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPPORTUNE_CONFIG", raising=False)
    return tmp_path
