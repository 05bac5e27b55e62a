"""The OpenAPI document: complete, closed, true to the structs, and the same until somebody changes it."""

from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from server.config import load_config
from server.contract.openapi import openapi_document, reply_type
from server.contract.openapi_examples import EXAMPLES
from server.contract.openapi_headers import path_names
from server.contract.openapi_reasons import reasons_of
from server.contract.openapi_texts import TAGS
from server.contract.operation import Operation
from server.contract.operations import OPERATIONS
from server.contract.operator_operations import OPERATOR_OPERATIONS
from server.contract.service_operations import TRACK
from server.errors import REASONS
from tests.golden.golden import assert_golden
from tests.server.running import TestServer, in_process

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi"
ROWS = [*(row for row in OPERATIONS if row not in OPERATOR_OPERATIONS), TRACK]
BY_NAME = {row.name: row for row in ROWS}
DOCUMENT = openapi_document(ROWS)

BODILESS = {"release_session", "replay_delivery", "rotate_webhook_secret", "test_webhook"}
"""Operations whose path says all."""

OF_THE_SHELL = {"unknown_path", "method_not_allowed"}
"""Reasons that no operation answers: there is none."""


def parts_of(value: object) -> Iterator[dict]:
    """Yield every object of a document."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from parts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from parts_of(part)


def test_the_document_is_as_expected() -> None:
    text = msgspec.json.format(msgspec.json.encode(DOCUMENT), indent=1).decode()
    assert_golden(GOLDEN / "openapi.json", text + "\n")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_operation_has_a_summary_a_tag_and_a_typed_answer(row: Operation) -> None:
    assert row.summary
    assert not row.summary.endswith(".")
    assert row.tag in TAGS
    assert (row.reply is not None) == ("json" in row.media)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_operation_with_a_body_has_a_struct_for_it_and_a_limit(row: Operation) -> None:
    if row.method == "POST" and row.name not in BODILESS:
        assert row.body is not None
    if row.body is not None:
        assert row.body_bytes_max > 0


def test_every_path_is_shown_with_its_parameters() -> None:
    for row in ROWS:
        shown = DOCUMENT["paths"][row.path][row.method.lower()]
        named = [one["name"] for one in shown.get("parameters", []) if one.get("in") == "path"]
        assert named == path_names(row.path)


def test_the_operator_s_endpoints_are_no_part_of_the_contract() -> None:
    assert not [path for path in DOCUMENT["paths"] if "operator" in path]


def test_names_of_operations_are_unique() -> None:
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))


def test_every_reason_is_answered_by_an_operation() -> None:
    answered = {reason for row in ROWS for reason in reasons_of(row)}
    assert set(REASONS) - answered == OF_THE_SHELL


def test_an_operation_s_own_reasons_are_in_the_registry() -> None:
    assert not {reason for row in ROWS for reason in row.reasons} - set(REASONS)


def test_every_reference_leads_somewhere() -> None:
    for part in parts_of(DOCUMENT):
        if "$ref" in part:
            _, _, kind, name = part["$ref"].split("/")
            assert name in DOCUMENT["components"][kind], part["$ref"]


def test_no_component_is_left_over() -> None:
    used = {part["$ref"] for part in parts_of(DOCUMENT) if "$ref" in part}
    for kind in ("schemas", "parameters", "headers", "responses"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in used


def test_a_field_that_may_be_left_out_of_an_answer_is_not_required() -> None:
    shown = DOCUMENT["components"]["schemas"]["MessageShown"]
    left_out = set(shown["properties"]) - set(shown["required"])
    assert left_out == {"agent_name", "client_id"}


def test_a_batch_shows_what_its_items_are() -> None:
    batch = DOCUMENT["components"]["schemas"]["TrackBody"]["properties"]["batch"]
    assert batch["items"] == {"$ref": "#/components/schemas/TrackItem"}


def test_the_rate_headers_stand_in_every_answer_of_families_a_and_c() -> None:
    rate = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    for row in ROWS:
        if row.family not in ("platform", "agent"):
            continue
        for answer in DOCUMENT["paths"][row.path][row.method.lower()]["responses"].values():
            name = answer.get("$ref", "").rpartition("/")[2]
            shown = DOCUMENT["components"]["responses"][name] if name else answer
            assert rate <= set(shown["headers"])


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_fits_what_reads_and_writes_it(name: str) -> None:
    row = BY_NAME[name]
    for example in EXAMPLES[name].values():
        if example.request is not None:
            assert row.body is not None
            msgspec.convert(example.request, row.body)
            known = {field.encode_name for field in msgspec.structs.fields(row.body)}
            assert set(example.request) <= known
        if example.reply is not None:
            msgspec.convert(example.reply, reply_type(row))


# ---- over HTTP

DEMO = Path(__file__).parents[2] / "server" / "demo" / "opportune.toml"
OF_PAST_THINGS = {"book_appointment", "widget_ack"}
"""Examples about a slot of the past and a message that somebody else has."""


@pytest.fixture
async def demo(anyio_backend: str) -> AsyncIterator[TestServer]:
    config = load_config(DEMO, {"OPPORTUNE_STORE__URL": "memory:"})
    async with in_process(config) as running:
        yield running


def demo_headers(row: Operation) -> dict[str, str]:
    key = "dev_demo_key_not_a_secret"
    match row.family:
        case "platform":
            return {"authorization": f"Bearer {key}", "x-workspace-id": "ws_demo"}
        case "agent":
            return {"x-api-key": key}
        case "widget":
            return {"authorization": "Bearer wk_demo"}
        case _:
            return {}


@pytest.mark.anyio
async def test_the_examples_are_answered_by_the_demo_workspace(demo: TestServer) -> None:
    tried = set()
    for name, examples in EXAMPLES.items():
        row = BY_NAME[name]
        path = row.path.replace("{widget_id}", "ws_demo")
        if path_names(path) or name in OF_PAST_THINGS:
            continue
        for example in examples.values():
            answered = await demo.send(row.method, path, example.request, demo_headers(row))
            assert answered.status == 200, (name, answered.body)
        tried.add(name)
    assert len(tried) >= 11


class Page(HTMLParser):
    """What a page of the documentation loads, runs and links to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.styles: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        assert not [name for name in given if name.startswith("on") or name == "style"]
        if identity := given.get("id"):
            self.ids.add(identity)
        if target := given.get("href"):
            (self.styles if tag == "link" else self.links).add(target)


async def page_of(server: TestServer, path: str) -> Page:
    answered = await server.send("GET", path)
    assert answered.headers["content-type"] == "text/html; charset=utf-8"
    page = Page()
    page.feed(answered.body.decode())
    return page


@pytest.mark.anyio
async def test_the_server_shows_its_own_document(server: TestServer) -> None:
    answered = await server.send("GET", "/openapi.json")
    assert answered.status == 200
    assert answered.json == msgspec.json.decode(msgspec.json.encode(DOCUMENT))


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/openapi.json", "/asyncapi.json", "/docs", "/docs/style.css"])
async def test_a_reader_who_has_a_document_is_told_so(server: TestServer, path: str) -> None:
    first = await server.send("GET", path)
    again = await server.send("GET", path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs", "/docs/sockets"])
async def test_a_page_runs_nothing_and_loads_only_its_own_style(
    server: TestServer, path: str
) -> None:
    page = await page_of(server, path)
    assert not page.tags & {"script", "img", "iframe", "object", "form"}
    assert page.styles == {"/docs/style.css"}
    answered = await server.send("GET", path)
    assert "default-src 'none'" in answered.headers["content-security-policy"]
    assert "unsafe" not in answered.headers["content-security-policy"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs", "/docs/sockets"])
async def test_every_link_of_a_page_leads_somewhere(server: TestServer, path: str) -> None:
    page = await page_of(server, path)
    inner = {link[1:] for link in page.links if link.startswith("#")}
    assert inner <= page.ids
    for link in page.links - {f"#{name}" for name in inner}:
        assert (await server.send("GET", link)).status == 200
    other = "/docs/sockets" if path == "/docs" else "/docs"
    assert other in page.links


@pytest.mark.anyio
async def test_the_page_shows_every_operation(server: TestServer) -> None:
    page = await page_of(server, "/docs")
    assert {row.name for row in ROWS} <= page.ids


def test_every_method_of_the_table_is_one_that_may_stand_there() -> None:
    allowed = get_args(Operation.__annotations__["method"])
    assert {row.method for row in ROWS} <= set(allowed)
