"""Pieces of the documentation's pages: HTML from schemas, examples and short texts, all of it escaped."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import cast

import msgspec

from server.contract.json_schemas import Schema

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_RANGES = (
    ("minLength", "maxLength", "characters"),
    ("minimum", "maximum", ""),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "entries"),
)

CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a page may do: show itself in its one style sheet. Nothing in it runs."""


def page(title: str, navigation: str, main: str) -> bytes:
    """Put a page together."""
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body><nav>{navigation}</nav><main>{main}</main></body></html>"
    )
    return text.encode()


def prose(text: str) -> str:
    """Write plain Markdown of ours: paragraphs, lists, code and links."""
    blocks = []
    for block in text.strip().split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("- ") for line in lines):
            blocks.append(
                "<ul>" + "".join(f"<li>{inline(line[2:])}</li>" for line in lines) + "</ul>"
            )
        else:
            blocks.append(f"<p>{inline(block)}</p>")
    return "".join(blocks)


def inline(text: str) -> str:
    """Write one line with its code and links."""
    marked = _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
    return _LINK.sub(r'<a href="\2">\1</a>', marked)


def code(value: object) -> str:
    """Write JSON, or a text as it is."""
    text = value if isinstance(value, str) else _json(value)
    return f"<pre><code>{escape(text, quote=False)}</code></pre>"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table of cells that are HTML already."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


# ---- schemas


def fields_of(schema: Schema) -> str:
    """Write the fields of an object as a table."""
    required = cast("list[str]", schema.get("required", []))
    properties = cast("Mapping[str, Schema]", schema.get("properties", {}))
    rows = [
        (
            f"<code>{escape(name)}</code>",
            type_of(part),
            "yes" if name in required else "",
            inline(" ".join(filter(None, [str(part.get("description", "")), limits_of(part)]))),
        )
        for name, part in properties.items()
    ]
    return table(("field", "type", "required", "meaning"), rows) if rows else "<p>No fields.</p>"


def type_of(schema: Schema) -> str:
    """Write a schema's type in a few words, with links to what has a name."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    if "enum" in schema or "const" in schema:
        options = cast("list[object]", schema.get("enum", [schema.get("const")]))
        return " | ".join(f"<code>{escape(_json(option))}</code>" for option in options)
    for joint, word in (("anyOf", " or "), ("allOf", " and ")):
        if joint in schema:
            parts = cast("list[Schema]", schema[joint])
            return word.join(dict.fromkeys(type_of(part) for part in parts))
    return _plain_type(schema)


def limits_of(schema: Schema) -> str:
    """Say what limits a value has, also inside `anyOf`."""
    said: list[str] = []
    for part in (schema, *cast("list[Schema]", schema.get("anyOf", []))):
        ranges = (_range(part.get(low), part.get(high), noun) for low, high, noun in _RANGES)
        said += filter(None, ranges)
        if "pattern" in part:
            said.append(f"like `{part['pattern']}`")
        if part.get("default") is not None:
            said.append(f"default `{_json(part['default'])}`")
    return f"({', '.join(dict.fromkeys(said))})" if said else ""


def _range(low: object, high: object, noun: str) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        words = f"at least {low}" if high is None else f"at most {high}"
    else:
        words = f"exactly {low}" if low == high else f"{low} to {high}"
    return f"{words} {noun}".strip()


def schemas(components: Mapping[str, Schema]) -> str:
    """Write every named schema."""
    written = []
    for name, schema in sorted(components.items()):
        text = prose(str(schema["description"])) if "description" in schema else ""
        title = f'<h3 id="schema-{escape(name)}">{escape(name)}</h3>'
        written.append(f"<section>{title}{text}{fields_of(schema)}</section>")
    return "".join(written)


def _plain_type(schema: Schema) -> str:
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items")
        return f"list of {type_of(cast('Schema', items))}" if isinstance(items, dict) else "list"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, dict):
        return f"object of {type_of(cast('Schema', values))}"
    words = " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "any JSON")
    return f"{words} ({schema['format']})" if "format" in schema else words


def _json(value: object) -> str:
    if not isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
