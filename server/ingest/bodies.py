"""Bodies of foreign clients, decompressed within a bound: by their header, or by what they look like."""

import zlib
from collections.abc import Mapping

from server.errors import ApiError
from server.middleware import gunzip

_GZIP_MAGIC = b"\x1f\x8b"


def plain_body(headers: Mapping[bytes, bytes], body: bytes, bytes_max: int) -> bytes:
    """Return a body as it was before it was compressed; gzip is also known by its first two bytes.

    Raises ApiError: body_too_large, unsupported_encoding.
    """
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding in (b"gzip", b"x-gzip") or body.startswith(_GZIP_MAGIC):
        # A proxy may have unpacked it and left the header.
        is_packed = body.startswith(_GZIP_MAGIC)
        return gunzip(body, bytes_max) if is_packed else _within(body, bytes_max)
    if encoding == b"deflate":
        return _inflate(body, bytes_max)
    if encoding not in (b"identity", b""):
        raise ApiError("unsupported_encoding")
    return _within(body, bytes_max)


def _within(body: bytes, bytes_max: int) -> bytes:
    if len(body) > bytes_max:
        raise _too_large(bytes_max)
    return body


def _inflate(body: bytes, bytes_max: int) -> bytes:
    """Decompress deflate, with zlib's head (RFC 9110, 8.4.1.2) or without, as some clients send it."""
    for window_bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        decoder = zlib.decompressobj(window_bits)
        try:
            plain = decoder.decompress(body, bytes_max + 1)
        except zlib.error:
            continue
        if len(plain) > bytes_max:
            raise _too_large(bytes_max)
        if decoder.eof:
            return plain
    raise ApiError("unsupported_encoding", "The body is not deflate")


def _too_large(bytes_max: int) -> ApiError:
    words = f"The body is larger than {bytes_max // 1024} KB once decompressed"
    return ApiError("body_too_large", words)
