"""How a delivery proves where it comes from: secrets and signatures of Standard Webhooks 1.0. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from engine.ids import RandomBytes

PREFIX = "whsec_"
KEY_BYTES = 32
"""Length of the keys that are made here."""

KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64

_WRONG = f'a secret is "{PREFIX}" and the base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes'


def make_secret(random_bytes: RandomBytes) -> str:
    """Make a secret of an endpoint."""
    return PREFIX + base64.b64encode(random_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the key that a secret holds.

    Raises:
        ValueError: it is no secret of an endpoint; the sentence says what one is.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(_WRONG)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_WRONG) from None
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(_WRONG)
    return key


def signatures(secrets: Sequence[str], event_id: str, at_s: int, body: bytes) -> str:
    """Sign one attempt with every secret in force, as it stands in `webhook-signature`.

    Args:
        secrets: one, or two while a rotation is under way.
        event_id: sent as `webhook-id`.
        at_s: sent as `webhook-timestamp`, Unix seconds.
        body: the very bytes that are sent.
    """
    message = f"{event_id}.{at_s}.".encode() + body
    digests = (hmac.digest(key_of(secret), message, hashlib.sha256) for secret in secrets)
    return " ".join("v1," + base64.b64encode(digest).decode() for digest in digests)
