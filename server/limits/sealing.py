"""Answers kept sealed: they hold visitors' words, and only a repeat of the request can open them.

What is kept under an Idempotency-Key names no visitor that an erasure could find it by, so nobody can
read it: the key to it is made from the request's own, which is kept nowhere (RFC 8439, ChaCha20-Poly1305).
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from engine.ids import system_random_bytes

NONCE_BYTES = 12


class Seal:
    """Seals and opens the answers of one request."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: bytes, scope: bytes) -> None:
        """Make the key from the server's secret and the request's scope, its Idempotency-Key included."""
        key = hmac.digest(secret, b"answer\x1f" + scope, hashlib.sha256)
        self._cipher = ChaCha20Poly1305(key)

    def close(self, text: bytes) -> bytes:
        """Seal a text; never twice to the same bytes."""
        nonce = system_random_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, None)

    def open(self, sealed: bytes) -> bytes | None:
        """Open what `close` made; None when another secret made it."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            return None
