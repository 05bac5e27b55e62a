"""The documentation's two pages: the HTTP API and the sockets, read from their documents."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import cast

import msgspec

from server.contract.docs_html import (
    code,
    fields_of,
    inline,
    limits_of,
    page,
    prose,
    schemas,
    table,
    type_of,
)
from server.contract.json_schemas import Schema

_Many = Mapping[str, Schema]


def http_page(document: Schema) -> bytes:
    """Write the page of an OpenAPI document."""
    operations = list(_operations(document))
    tags = [(str(tag["name"]), str(tag["description"])) for tag in _list(document["tags"])]
    links, sections = [], []
    for tag, text in tags:
        own = [entry for entry in operations if tag in cast("list[str]", entry[2]["tags"])]
        links.append(_links(tag, own))
        sections.append(f"<h2>{escape(tag)}</h2><p>{inline(text)}</p>")
        sections += [_operation(document, *entry) for entry in own]
    components = _part(document, "components")
    main = (
        _head(document)
        + "".join(sections)
        + "<h2>Schemas</h2>"
        + schemas(cast("_Many", components["schemas"]))
    )
    top = _switch("<b>HTTP API</b>", '<a href="/docs/sockets">Sockets</a>', "/openapi.json")
    return page("Opportune: HTTP API", top + "".join(links), main)


def sockets_page(document: Schema) -> bytes:
    """Write the page of an AsyncAPI document."""
    channels = cast("_Many", document["channels"])
    operations = list(cast("_Many", document["operations"]).items())
    sections, links = [], []
    for name, channel in channels.items():
        own = [(key, row) for key, row in operations if key.startswith(f"{name}.")]
        rows = "".join(f'<li><a href="#{key}">{key.partition(".")[2]}</a></li>' for key, _ in own)
        links.append(f"<h4>{escape(str(channel['title']))}</h4><ul>{rows}</ul>")
        sections.append(_channel(channel))
        sections += [_frame(document, key, row) for key, row in own]
    components = _part(document, "components")
    main = (
        _head(document)
        + "".join(sections)
        + "<h2>Schemas</h2>"
        + schemas(cast("_Many", components["schemas"]))
    )
    top = _switch('<a href="/docs">HTTP API</a>', "<b>Sockets</b>", "/asyncapi.json")
    return page("Opportune: sockets", top + "".join(links), main)


# ---- the HTTP API


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, methods in cast("_Many", document["paths"]).items():
        for method, operation in methods.items():
            yield path, method.upper(), cast("Schema", operation)


def _links(tag: str, operations: list[tuple[str, str, Schema]]) -> str:
    rows = "".join(
        f'<li><a href="#{row["operationId"]}">{escape(str(row["summary"]))}</a></li>'
        for _, _, row in operations
    )
    return f"<h4>{escape(tag)}</h4><ul>{rows}</ul>"


def _operation(document: Schema, path: str, method: str, row: Schema) -> str:
    parts = [
        f'<h3 id="{row["operationId"]}">{escape(str(row["summary"]))}</h3>',
        f'<p class="call"><b>{method}</b> <code>{escape(path)}</code></p>',
        prose(str(row["description"])) if "description" in row else "",
        _parameters(document, row),
    ]
    body = _content(cast("Schema", row.get("requestBody", {})))
    if body is not None:
        parts.append(f"<h4>Body: {type_of(cast('Schema', body['schema']))}</h4>")
        parts += [code(example) for example in _examples(body)]
        parts.append(f"<h4>With curl</h4>{code(_curl(path, method, row, body))}")
    parts.append(_responses(document, row))
    return f"<section>{''.join(parts)}</section>"


def _parameters(document: Schema, row: Schema) -> str:
    parameters = [_resolved(document, part) for part in _list(row.get("parameters", []))]
    rows = [
        (
            f"<code>{escape(str(one['name']))}</code>",
            str(one["in"]),
            type_of(cast("Schema", one["schema"])),
            "yes" if one.get("required") else "",
            inline(f"{one.get('description', '')} {limits_of(cast('Schema', one['schema']))}"),
        )
        for one in parameters
    ]
    head = ("parameter", "in", "type", "required", "meaning")
    return table(head, rows) if rows else ""


def _responses(document: Schema, row: Schema) -> str:
    written = []
    for status, given in cast("_Many", row["responses"]).items():
        answer = _resolved(document, given)
        content = _content(answer)
        shown = "".join(map(code, _examples(content))) if content else ""
        text = prose(str(answer["description"]))
        is_success = status == "200"
        kind = f": {_data_type(content)}" if is_success and content else ""
        opened = " open" if is_success else ""
        summary = f"<summary><b>{status}</b>{kind}</summary>"
        written.append(f"<details{opened}>{summary}{text}{shown}</details>")
    return f"<h4>Answers</h4>{''.join(written)}"


def _data_type(content: Schema) -> str:
    schema = cast("Schema", content["schema"])
    inner = cast("_Many", schema.get("properties", {})).get("data")
    return f"<code>data</code> is {type_of(inner)}" if inner is not None else type_of(schema)


def _curl(path: str, method: str, row: Schema, body: Schema) -> str:
    """Write a command that works against `make run`, as far as the demo has what is asked for."""
    security = cast("list[Mapping[str, object]]", row["security"])
    names = {name for option in security for name in option}
    lines = [f"curl -X {method} http://127.0.0.1:8700{path.replace('{widget_id}', 'ws_demo')}"]
    if "apiKey" in names:
        lines.append('-H "x-api-key: dev_demo_key_not_a_secret"')
    elif "bearer" in names:
        lines.append('-H "Authorization: Bearer dev_demo_key_not_a_secret"')
        lines.append('-H "X-Workspace-ID: ws_demo"')
    elif "widgetToken" in names:
        lines.append('-H "Authorization: Bearer wk_demo"')
    lines.append('-H "Content-Type: application/json"')
    example = next(iter(_examples(body)), {})
    text = msgspec.json.encode(example).decode().replace("'", "'\\''")
    return " \\\n  ".join([*lines, f"-d '{text}'"])


# ---- the sockets


def _channel(channel: Schema) -> str:
    codes = cast("Mapping[str, str]", channel.get("x-close-codes", {}))
    rows = [(f"<code>{number}</code>", inline(text)) for number, text in codes.items()]
    closes = f"<details><summary>Close codes</summary>{table(('code', 'meaning'), rows)}</details>"
    way = "WebSocket" if rows else "POST"
    return (
        f"<h2>{escape(str(channel['title']))}</h2>"
        f'<p class="call"><b>{way}</b> <code>{escape(str(channel["address"]))}</code></p>'
        f"{prose(str(channel['description']))}{closes if rows else ''}"
    )


def _frame(document: Schema, name: str, row: Schema) -> str:
    components = _part(document, "components")
    message = cast("_Many", components["messages"])[name]
    side = "client → server" if row["action"] == "receive" else "server → client"
    if name.startswith("webhooks."):
        side = "server → endpoint"
    payload = cast("Schema", message["payload"])
    return (
        f'<section><h3 id="{name}"><code>{escape(str(message["name"]))}</code></h3>'
        f'<p class="call">{side}</p><p>{inline(str(message["summary"]))}</p>'
        f"{_payload(document, payload)}</section>"
    )


def _payload(document: Schema, payload: Schema) -> str:
    """Write the fields of a frame in one table, whatever parts its schema has."""
    parts = [_resolved(document, part) for part in _list(payload.get("allOf", [payload]))]
    properties: Schema = {}
    required: list[str] = []
    for part in parts:
        properties |= cast("Schema", part.get("properties", {}))
        required += cast("list[str]", part.get("required", []))
    options = [
        f"<li>{inline(str(option['description']))} {fields_of(option)}</li>"
        for part in parts
        for option in _list(part.get("anyOf", []))
    ]
    listed = f"<ul>{''.join(options)}</ul>" if options else ""
    return fields_of({"properties": properties, "required": required}) + listed


# ---- both


def _head(document: Schema) -> str:
    about = _part(document, "info")
    return f"<h1>{escape(str(about['title']))} {escape(str(about['version']))}</h1>{prose(str(about['description']))}"


def _switch(first: str, second: str, raw: str) -> str:
    return f'<p>{first} · {second} · <a href="{raw}">{raw}</a></p>'


def _resolved(document: Schema, part: Schema) -> Schema:
    """Follow a reference into the document's components."""
    if "$ref" not in part:
        return part
    _, kind, name = str(part["$ref"]).rsplit("/", 2)
    return cast("_Many", _part(document, "components")[kind])[name]


def _content(holder: Schema) -> Schema | None:
    content = cast("_Many", holder.get("content", {}))
    return next(iter(content.values()), None)


def _examples(content: Schema) -> list[object]:
    return [example["value"] for example in cast("_Many", content.get("examples", {})).values()]


def _part(document: Schema, name: str) -> Schema:
    return cast("Schema", document[name])


def _list(value: object) -> list[Schema]:
    return cast("list[Schema]", value)
