"""JSON Schemas of the structs of the wire: one component a struct, for the documents of the API."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import cast, get_args

import msgspec
from msgspec import UNSET, Struct

Schema = dict[str, object]
"""A JSON Schema, or another part of a document: what stands in JSON."""

_TEMPLATE = "#/components/schemas/{name}"
_ANYTHING = "anything"


class Schemas:
    """The schemas of some types; every struct in them is one component with its own name.

    What only the server writes has all its fields, but for those that may be left out; what a client
    writes may leave out what has a default.
    """

    def __init__(self, read: Iterable[object], written: Iterable[object] = ()) -> None:
        """Prepare the schemas of all types that are read from clients and written to them."""
        read, written = tuple(read), tuple(written)
        types = (*read, *written)
        found, components = msgspec.json.schema_components(
            types, schema_hook=_any_json, ref_template=_TEMPLATE
        )
        by_clients = set(structs_in(read))
        for kind, name in _names(structs_in(types), components).items():
            _describe(components[name])
            if kind not in by_clients:
                _complete(kind, components[name])
        short = {name: _short(name) for name in components}
        self._by_type = {
            repr(kind): _renamed(schema, short) for kind, schema in zip(types, found, strict=True)
        }
        self.components: dict[str, Schema] = {
            short[name]: _renamed(schema, short)
            for name, schema in sorted(components.items(), key=lambda item: short[item[0]])
        }

    def of(self, kind: object) -> Schema:
        """Return the schema of a type that was given at the start."""
        return dict(self._by_type[repr(kind)])

    def name(self, kind: type[Struct]) -> str:
        """Return the component's name of a struct that was given at the start."""
        return str(self.of(kind)["$ref"]).rpartition("/")[2]

    def fields(self, kind: type[Struct]) -> tuple[dict[str, Schema], frozenset[str]]:
        """Return the schemas of a struct's fields by name, and the names that are required."""
        component = self.components[self.name(kind)]
        fields = cast("dict[str, Schema]", component.get("properties", {}))
        return fields, frozenset(cast("list[str]", component.get("required", [])))


def structs_in(types: Iterable[object]) -> Iterator[type[Struct]]:
    """Yield every struct that the types are made of, each once."""
    seen: set[object] = set()
    waiting = list(types)
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Struct):
            if kind not in seen:
                seen.add(kind)
                yield kind
                waiting += [field.type for field in msgspec.structs.fields(kind)]
        else:
            waiting += [part for part in get_args(kind) if part is not Ellipsis]


def reference(name: str) -> Schema:
    """Refer to a component by its name."""
    return {"$ref": _TEMPLATE.format(name=name)}


def _any_json(kind: type) -> Schema:
    if kind is object:
        return {_ANYTHING: True}
    raise NotImplementedError(f"{kind} has no JSON Schema")


def _names(
    kinds: Iterable[type[Struct]], components: Mapping[str, Schema]
) -> dict[type[Struct], str]:
    """Find the component of each struct: its own name, or its module's too where two share one."""
    named = {}
    for kind in kinds:
        name = kind.__name__
        named[kind] = name if name in components else f"{kind.__module__}.{kind.__qualname__}"
    return named


def _short(name: str) -> str:
    """Write `server.wire.chat_sessions.WidgetLook` as `ChatSessionsWidgetLook`."""
    *modules, kind = name.split(".")
    return "".join(part.title() for part in modules[-1].split("_")) + kind if modules else name


def _describe(schema: Schema) -> None:
    """Tidy a component's text, and let its name stand for the title."""
    schema.pop("title", None)
    if "description" in schema:
        schema["description"] = inspect.cleandoc(str(schema["description"]))


def _complete(kind: type[Struct], schema: Schema) -> None:
    """Require every field that the server always writes."""
    leaves_out = kind.__struct_config__.omit_defaults
    always = [
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if field.required or not (leaves_out or field.default is UNSET)
    ]
    required = cast("list[str]", schema.get("required", []))
    schema["required"] = [*(name for name in required if name not in always), *always]
    for part in cast("dict[str, Schema]", schema.get("properties", {})).values():
        part.pop("default", None)


def _renamed(schema: Schema, short: Mapping[str, str]) -> Schema:
    return cast("Schema", _with_short_names(schema, short))


def _with_short_names(value: object, short: Mapping[str, str]) -> object:
    """Let references name components by their short names."""
    if isinstance(value, list):
        return [_with_short_names(part, short) for part in value]
    if not isinstance(value, dict):
        return value
    renamed = {
        name: _with_short_names(part, short) for name, part in value.items() if name != _ANYTHING
    }
    if isinstance(target := renamed.get("$ref"), str):
        renamed |= reference(short[target.rpartition("/")[2]])
    return renamed
