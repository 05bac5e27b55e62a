"""Configurations with webhooks, and the calls of their tests."""

from server.config import Config
from tests.server.running import CONFIG, PLATFORM, Answered, TestServer, write_config

PATH = "/v1/webhooks"
URL = "https://93.184.216.34/hook"
OTHER = {"authorization": "Bearer dev_key_other_012345678", "x-workspace-id": "ws_other"}
OF_FILE = """
  [[workspaces.webhooks]]
  id = "whk_crm"
  url = "https://crm.example.com/hooks"
  events = ["chat.started"]
  secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
"""
END = '\n[[workspaces]]\nid = "ws_other"'
WITH_FILE = CONFIG.replace(END, OF_FILE + END)
LOCAL = "[webhooks]\nallow_private = true\n" + CONFIG


def local_config(folder: object, **changes: str) -> Config:
    """Load a configuration that lets webhooks go to this machine; `changes` are keys of `[webhooks]`."""
    lines = "".join(f"{key} = {value}\n" for key, value in changes.items())
    text = LOCAL.replace("allow_private = true\n", f"allow_private = true\n{lines}")
    return write_config(folder, text)  # type: ignore[arg-type]  # a path


async def make(server: TestServer, **changes: object) -> dict:
    """Make an endpoint and return it with its secret."""
    body = {"url": URL, "events": ["*"], **changes}
    answered = await server.send("POST", PATH, body, PLATFORM)
    assert answered.status == 200, answered.body
    return answered.json["data"]


async def ask(
    server: TestServer, method: str, rest: str, body: object = None, **more: str
) -> Answered:
    """Make a request below `/v1/webhooks`."""
    return await server.send(method, f"{PATH}{rest}", body, {**PLATFORM, **more})


def refused(answered: Answered) -> tuple[int, str | None, str]:
    """Return status, field and reason of a refusal."""
    details = answered.json["error"]["details"]
    return answered.status, details.get("field"), details["reason"]
