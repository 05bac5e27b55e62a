"""Halves of characters in JSON, which browsers write where a page has cut a text in the middle of an emoji."""

import re

_REPLACEMENT = rb"\ufffd"
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # both halves
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # one alone
    rb"|\\.",
    re.DOTALL,
)


def mended(body: bytes) -> bytes:
    """Put the replacement character in the place of each half; text without any is returned unchanged.

    Strict readers refuse such a body as a whole, and a client does not send it again in another form.
    """
    if b"\\u" not in body:
        return body
    return _ESCAPES.sub(_whole, body)


def _whole(found: re.Match[bytes]) -> bytes:
    return _REPLACEMENT if found[1] else found[0]
