"""Pieces of the documentation's pages: escaped, short, and with links to what has a name."""

import pytest

from server.contract.asyncapi import asyncapi_document
from server.contract.docs_html import code, fields_of, inline, limits_of, page, prose, type_of
from server.contract.docs_pages import http_page, sockets_page
from server.contract.json_schemas import Schema
from server.contract.openapi import openapi_document
from server.contract.operations import OPERATIONS

HOSTILE = "<script>alert(1)</script>"


def test_nothing_of_a_text_becomes_markup() -> None:
    schema: Schema = {"properties": {HOSTILE: {"const": HOSTILE, "description": HOSTILE}}}
    written = [inline(HOSTILE), prose(HOSTILE), code(HOSTILE), code([HOSTILE]), fields_of(schema)]
    assert not [text for text in written if "<script" in text]
    assert b"<title>&lt;script" in page(HOSTILE, "", "")


def test_prose_has_paragraphs_lists_code_and_links() -> None:
    assert prose("One `two`\n\n- [three](/docs)\n- four") == (
        '<p>One <code>two</code></p><ul><li><a href="/docs">three</a></li><li>four</li></ul>'
    )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 64}, "(1 to 64 characters)"),
        ({"type": "string", "minLength": 8, "maxLength": 8}, "(exactly 8 characters)"),
        ({"type": "integer", "minimum": 0}, "(at least 0)"),
        ({"anyOf": [{"maxLength": 9}, {"type": "null"}]}, "(at most 9 characters)"),
        ({"default": "red", "pattern": "^r"}, '(like `^r`, default `"red"`)'),
        ({"type": "boolean"}, ""),
    ],
)
def test_limits_are_said_in_words(schema: Schema, words: str) -> None:
    assert limits_of(schema) == words


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Page"}, '<a href="#schema-Page">Page</a>'),
        ({"enum": ["a", None]}, "<code>&quot;a&quot;</code> | <code>null</code>"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"type": "string", "format": "date"}, "string (date)"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({}, "any JSON"),
    ],
)
def test_a_type_is_a_few_words(schema: Schema, words: str) -> None:
    assert type_of(schema) == words


def test_both_pages_show_what_their_documents_hold() -> None:
    calls = http_page(openapi_document(OPERATIONS)).decode()
    sockets = sockets_page(asyncapi_document()).decode()
    assert 'id="send_message"' in calls
    assert 'id="chat.client.auth"' in sockets
    assert 'id="webhooks.server.live_chat.visitor_responded"' in sockets
    assert sockets.count("<summary>Close codes</summary>") == 2
