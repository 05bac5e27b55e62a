"""The API's documents and their pages: made at the first request, answered from memory after it."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from server.call import Call
from server.contract.asyncapi import asyncapi_document
from server.contract.docs_html import CSP
from server.contract.docs_pages import http_page, sockets_page
from server.contract.openapi import openapi_document
from server.contract.operation import Operation
from server.entity_tags import entity_tag, has_current
from server.wire.envelope import JSON_TYPE, Answer, Header

STYLE_SHEET = Path(__file__).parents[1] / "static" / "docs.css"

_HTML: Header = (b"content-type", b"text/html; charset=utf-8")
_CSS: Header = (b"content-type", b"text/css; charset=utf-8")
_CSP: Header = (b"content-security-policy", CSP.encode())
_CACHE: Header = (b"cache-control", b"no-cache")


class Docs:
    """Handlers of the documents. `no-cache` and an ETag: a reader asks each time, and is answered 304."""

    def __init__(self, table: Callable[[], Sequence[Operation]]) -> None:
        """Describe the operations that `table` returns, once all rows are known."""
        self._table = table

    async def openapi(self, call: Call) -> Answer:
        """Show the OpenAPI document."""
        return _kept(call, self._openapi, JSON_TYPE)

    async def asyncapi(self, call: Call) -> Answer:
        """Show the AsyncAPI document."""
        return _kept(call, self._asyncapi, JSON_TYPE)

    async def http_page(self, call: Call) -> Answer:
        """Show the HTTP API to a person."""
        return _kept(call, self._http_page, _HTML, _CSP)

    async def sockets_page(self, call: Call) -> Answer:
        """Show the sockets to a person."""
        return _kept(call, self._sockets_page, _HTML, _CSP)

    async def style(self, call: Call) -> Answer:
        """Give the pages their look."""
        return _kept(call, self._style, _CSS)

    @cached_property
    def _openapi(self) -> bytes:
        return msgspec.json.encode(openapi_document(self._table()))

    @cached_property
    def _asyncapi(self) -> bytes:
        return msgspec.json.encode(asyncapi_document())

    @cached_property
    def _http_page(self) -> bytes:
        return http_page(openapi_document(self._table()))

    @cached_property
    def _sockets_page(self) -> bytes:
        return sockets_page(asyncapi_document())

    @cached_property
    def _style(self) -> bytes:
        return STYLE_SHEET.read_bytes()


def _kept(call: Call, body: bytes, *headers: Header) -> Answer:
    """Answer a body that changes with the server's version only."""
    tag = entity_tag(body)
    kept = ((b"etag", tag), _CACHE)
    if has_current(call.headers, tag):
        return Answer(304, b"", kept)
    return Answer(200, body, (*headers, *kept))
