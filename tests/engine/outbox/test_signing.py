"""Signatures of webhooks, as the libraries of Standard Webhooks see them, in Python and on Node."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from engine.outbox.signing import KEY_BYTES_MAX, KEY_BYTES_MIN, key_of, make_secret, signatures

OLD, NEW = (make_secret(lambda count, fill=fill: bytes([fill] * count)) for fill in (1, 2))
NPM_PACKAGE = "standardwebhooks@1.0.0"
VERIFY = """
const fs = require("fs"), { Webhook } = require("standardwebhooks");
for (const one of JSON.parse(fs.readFileSync(0, "utf8"))) {
  let found = true;
  try { new Webhook(one.secret).verify(one.body, one.headers); } catch (error) { found = false; }
  if (found !== one.signed) { console.error(JSON.stringify(one)); process.exit(1); }
}
console.log("all verified");
"""


def headers(event_id: str, at_s: int, signed: str) -> dict[str, str]:
    return {"webhook-id": event_id, "webhook-timestamp": str(at_s), "webhook-signature": signed}


def now_s() -> int:
    return int(time.time())  # noqa: TID251  # the library compares with the machine's clock


@given(
    key=st.binary(min_size=KEY_BYTES_MIN, max_size=KEY_BYTES_MAX),
    event_id=st.from_regex(r"evt_[0-9A-Z]{26}", fullmatch=True),
    text=st.text(max_size=200),
)
def test_the_library_verifies_every_signature(key: bytes, event_id: str, text: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body, at_s = json.dumps({"text": text}).encode(), now_s()
    signed = signatures([secret], event_id, at_s, body)
    assert Webhook(secret).verify(body, headers(event_id, at_s, signed)) == {"text": text}


def test_another_body_id_time_or_secret_is_not_verified() -> None:
    body, at_s = b'{"a":1}', now_s()
    signed = signatures([OLD], "evt_1", at_s, body)
    good = headers("evt_1", at_s, signed)
    Webhook(OLD).verify(body, good)
    for secret, sent, given_headers in (
        (NEW, body, good),
        (OLD, b'{"a":2}', good),
        (OLD, body, {**good, "webhook-id": "evt_2"}),
        (OLD, body, {**good, "webhook-timestamp": str(at_s + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(sent, given_headers)


def test_during_a_rotation_both_secrets_verify() -> None:
    body, at_s = b"{}", now_s()
    signed = signatures([NEW, OLD], "evt_1", at_s, body)
    assert len(signed.split(" ")) == 2
    for secret in (OLD, NEW):
        Webhook(secret).verify(body, headers("evt_1", at_s, signed))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
        "whsec_not base64",
        "whsec_" + base64.b64encode(b"x" * (KEY_BYTES_MIN - 1)).decode(),
        "whsec_" + base64.b64encode(b"x" * (KEY_BYTES_MAX + 1)).decode(),
    ],
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(secret)


def vectors() -> list[dict[str, object]]:
    """Return requests with and without a valid signature."""
    at_s = now_s()
    texts = ["", "plain", "Grüße ✓ 你好", '"\\\n\u2028', "x" * 20_000]
    rows: list[dict[str, object]] = []
    for number, text in enumerate(texts):
        body = json.dumps({"text": text}, ensure_ascii=False).encode()
        for secrets in ([OLD], [NEW, OLD]):
            signed = signatures(secrets, f"evt_{number}", at_s, body)
            given_headers = headers(f"evt_{number}", at_s, signed)
            for secret in (OLD, NEW):
                row = {"secret": secret, "body": body.decode(), "headers": given_headers}
                rows.append({**row, "signed": secret in secrets})
    return rows


def installed(folder: Path) -> str | None:
    """Return where the package for Node is: what OPPORTUNE_NODE_PATH names, or fresh in `folder`."""
    there = os.environ.get("OPPORTUNE_NODE_PATH", "")
    if there:
        return there
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
    try:
        done = subprocess.run(
            [*command, str(folder), NPM_PACKAGE], capture_output=True, timeout=25, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return str(folder / "node_modules") if done.returncode == 0 else None


def test_the_library_on_node_verifies_every_signature(tmp_path: Path) -> None:
    node = shutil.which("node")
    modules = installed(tmp_path) if node else None
    if node is None or modules is None:
        message = f"signatures were not verified on Node: node or {NPM_PACKAGE} is missing"
        assert not os.environ.get("CI"), message
        pytest.skip(message)
    done = subprocess.run(
        [node, "-e", VERIFY],
        input=json.dumps(vectors()).encode(),
        env={**os.environ, "NODE_PATH": modules},
        capture_output=True,
        timeout=25,
        check=False,
    )
    assert done.stdout == b"all verified\n", done.stderr
