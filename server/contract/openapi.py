"""The OpenAPI 3.1 document, made from the table of operations and the very structs that decode."""

import importlib.metadata
from collections.abc import Iterable, Sequence

from server.contract.json_schemas import Schema, Schemas, reference
from server.contract.openapi_examples import EXAMPLES
from server.contract.openapi_headers import (
    HEADERS,
    PARAMETERS,
    failure_headers,
    parameters_of,
    success_headers,
)
from server.contract.openapi_reasons import SHARED, by_status, reasons_of
from server.contract.openapi_texts import (
    ERROR_ENVELOPES,
    INTRODUCTION,
    SECURITY,
    TAGS,
    security_of,
)
from server.contract.operation import Operation
from server.errors import REASONS
from server.wire.envelope import Advice, Family
from server.wire.widgets import TrackBody, TrackItem

JSON = "application/json"
OPERATOR_PATHS = "/v1/operator/"

_ALSO_503 = frozenset({"readyz"})
"""Operations that answer the same body with 503."""


def openapi_document(table: Iterable[Operation]) -> Schema:
    """Describe the operations of a table; the operator's are no part of the contract."""
    rows = [row for row in table if not row.path.startswith(OPERATOR_PATHS)]
    bodies = Schemas(
        [*(row.body for row in rows if row.body), TrackItem, Advice],
        [reply_type(row) for row in rows if row.reply is not None],
    )
    _show_batch(bodies)
    queries = Schemas([row.query for row in rows if row.query])
    writer = _Writer(bodies, queries)
    paths: dict[str, Schema] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = writer.operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Opportune",
            "version": importlib.metadata.version("opportune"),
            "description": INTRODUCTION,
        },
        "servers": [{"url": "/", "description": "The server that shows this document."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**bodies.components, **_envelopes()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "responses": writer.shared,
            "securitySchemes": SECURITY,
        },
    }


def reply_type(row: Operation) -> object:
    """Return the type of what a row answers: of a list, all rows of a page."""
    return list[row.reply] if row.is_list else row.reply  # type: ignore[name-defined]  # a value, not a name


class _Writer:
    """Writes operations; `shared` collects the refusals that all operations of a family may answer."""

    def __init__(self, bodies: Schemas, queries: Schemas) -> None:
        self._bodies = bodies
        self._queries = queries
        self.shared: dict[str, Schema] = {}

    def operation(self, row: Operation) -> Schema:
        """Describe one row."""
        described: Schema = {"operationId": row.name, "summary": row.summary, "tags": [row.tag]}
        if row.scope:
            described["description"] = f"Needs the scope `{row.scope}`."
        described["security"] = security_of(row)
        parameters = [*parameters_of(row), *self._query_parameters(row)]
        if parameters:
            described["parameters"] = parameters
        if row.body is not None:
            described["requestBody"] = self._request(row)
        described["responses"] = self._responses(row)
        return described

    def _query_parameters(self, row: Operation) -> list[Schema]:
        if row.query is None:
            return []
        fields, required = self._queries.fields(row.query)
        return [
            _query_parameter(name, schema, required=name in required)
            for name, schema in fields.items()
        ]

    def _request(self, row: Operation) -> Schema:
        assert row.body is not None, "asked of operations with a body"
        content: Schema = {"schema": self._bodies.of(row.body)}
        examples = {
            name: {"value": example.request}
            for name, example in EXAMPLES.get(row.name, {}).items()
            if example.request is not None
        }
        if examples:
            content["examples"] = examples
        _, required = self._bodies.fields(row.body)
        return {"required": bool(required), "content": {JSON: content}}

    # ---- answers

    def _responses(self, row: Operation) -> Schema:
        success = self._success(row)
        responses: Schema = {"200": success}
        if row.name in _ALSO_503:
            responses["503"] = {**success, "description": "Not ready; `status` says why."}
        if "ETag" in success_headers(row) and row.family != "platform":
            responses["304"] = {"description": "It is as the ETag of `If-None-Match` says."}
        for status, reasons in by_status(row.family, reasons_of(row)).items():
            responses[str(status)] = self._refusal(row.family, status, reasons)
        return responses

    def _success(self, row: Operation) -> Schema:
        answer: Schema = {"description": "Success.", "headers": success_headers(row)}
        if row.media != JSON:
            lines: Schema = {} if row.reply is None else {"x-lines": self._bodies.of(row.reply)}
            answer["content"] = {row.media: {"schema": {"type": "string"}, **lines}}
            return answer
        schema = self._bodies.of(reply_type(row))
        is_enveloped = row.family == "platform"
        content: Schema = {"schema": _enveloped(schema, row) if is_enveloped else schema}
        examples = {
            name: {"value": _with_meta(example.reply, row) if is_enveloped else example.reply}
            for name, example in EXAMPLES.get(row.name, {}).items()
            if example.reply is not None
        }
        if examples:
            content["examples"] = examples
        answer["content"] = {JSON: content}
        return answer

    def _refusal(self, family: Family, status: int, reasons: Sequence[str]) -> Schema:
        if list(reasons) != SHARED[family].get(status):
            return _refusal(family, status, reasons)
        name = f"{family.title()}{status}"
        self.shared.setdefault(name, _refusal(family, status, reasons))
        return {"$ref": f"#/components/responses/{name}"}


# ---- parts


def _query_parameter(name: str, schema: Schema, *, required: bool) -> Schema:
    schema = dict(schema)
    parameter: Schema = {"name": name, "in": "query", "required": required}
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    return {**parameter, "schema": schema}


def _refusal(family: Family, status: int, reasons: Sequence[str]) -> Schema:
    lines = [f"- `{reason}`: {REASONS[reason][1]}" for reason in reasons]
    shown: Schema = {"enum": list(reasons)}
    envelope = ERROR_ENVELOPES[family]
    if envelope == "PlatformError":
        for name in ("reason", "details", "error"):
            shown = {"properties": {name: shown}}
    else:
        shown = {"properties": {"reason": shown}}
    return {
        "description": "\n".join(lines),
        "headers": failure_headers(family, status),
        "content": {JSON: {"schema": {"allOf": [reference(envelope), shown]}}},
    }


def _enveloped(schema: Schema, row: Operation) -> Schema:
    return {
        "type": "object",
        "properties": {"data": schema, "meta": reference("PageMeta" if row.is_list else "Meta")},
        "required": ["data", "meta"],
    }


def _with_meta(reply: object, row: Operation) -> Schema:
    page = {"has_more": False, "next_cursor": None} if row.is_list else {}
    meta = {"request_id": "req_xyz789", "timestamp": "2024-01-20T10:30:00Z", **page}
    return {"data": reply, "meta": meta}


def _show_batch(bodies: Schemas) -> None:
    """Show what a batch's items are: they are decoded one by one, so the struct leaves them raw."""
    if TrackBody.__name__ not in bodies.components:
        return
    fields, _ = bodies.fields(TrackBody)
    items = reference(bodies.name(TrackItem))
    fields["batch"] = {"type": "array", "items": items, "minItems": 1, "maxItems": 100}


def _envelopes() -> dict[str, Schema]:
    """Write the schemas of what surrounds the data, and of refusals."""
    text: Schema = {"type": "string"}
    codes: Schema = {"enum": sorted({code for code, _ in REASONS.values()})}
    meta: Schema = {"request_id": text, "timestamp": {"type": "string", "format": "date-time"}}
    warned: Schema = {**meta, "warnings": {"type": "array", "items": reference("Advice")}}
    details = _object({"reason": text, "field": text}, "reason")
    error = _object(
        {"code": codes, "message": text, "details": details}, "code", "message", "details"
    )
    paged: Schema = {
        **warned,
        "has_more": {"type": "boolean"},
        "next_cursor": {"type": ["string", "null"]},
    }
    plain: Schema = {"success": {"const": False}, "error": text, "code": codes}
    plain |= {"reason": text, "field": text}
    return {
        "Meta": _object(warned, "request_id", "timestamp"),
        "PageMeta": _object(paged, "request_id", "timestamp", "has_more", "next_cursor"),
        "PlatformError": _object(
            {"error": error, "meta": _object(meta, "request_id", "timestamp")}, "error", "meta"
        ),
        "PlainError": _object(plain, "success", "error", "code", "reason"),
    }


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}
