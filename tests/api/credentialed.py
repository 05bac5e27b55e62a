"""A configuration with every kind of credential, and requests made with each of them."""

from pathlib import Path

from engine.testing.manual_clock import ManualClock
from server.access.jwt_tokens import make_dashboard_token
from server.config import Config
from tests.server.running import CONFIG, write_config

JWT_SECRET = "the dashboards' secret of the tests, 32+"
PASSWORD = "open sesame"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
READER = {"authorization": "Bearer dev_key_reader_0123456", "x-workspace-id": "ws_dev"}

_MORE = f"""
  [workspaces.jwt]
  secret = "{JWT_SECRET}"
  [[workspaces.users]]
  name = "maria"
  role = "editor"
  password = "{PASSWORD}"
  [[workspaces.users]]
  name = "otto"
  role = "admin"
  password_scrypt = "scrypt$16384$8$1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"
  [[workspaces.api_keys]]
  name = "slow"
  key = "dev_key_slow_012345678"
  per_minute = 2
  scopes = ["sessions:read"]
  [workspaces.widget]
"""


def write_credentialed(folder: Path, *, server: str = "", workspace: str = "") -> Config:
    """Write the configuration; `server` and `workspace` are more keys of those tables."""
    text = CONFIG.replace("  [workspaces.widget]\n", _MORE, 1)
    text = text.replace("[server]\n", f"[server]\n{server}\n", 1)
    return write_config(folder, text.replace('id = "ws_dev"\n', f'id = "ws_dev"\n{workspace}\n', 1))


def as_person(config: Config, clock: ManualClock, role: str = "editor") -> dict[str, str]:
    """Make the headers of a person at a dashboard."""
    workspace = config.workspace("ws_dev")
    assert workspace is not None
    token = make_dashboard_token(
        workspace, "maria", role, now_ms=clock.now_ms(), valid_ms=3_600_000
    )
    return {"authorization": f"Bearer {token}", "x-workspace-id": "ws_dev"}
