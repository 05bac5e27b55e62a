"""Operations without a key of the platform: the server's own, its documents, and the hot route's row."""

from collections.abc import Callable, Sequence

from server.call import Call
from server.contract.operation import Operation
from server.routes import health
from server.routes.docs import Docs
from server.routes.scripts import JAVASCRIPT, Scripts
from server.wire import service as wire
from server.wire.envelope import Answer
from server.wire.widget_body import WIDGET_BYTES_MAX
from server.wire.widgets import TrackBody, TrackReply

HTML = "text/html"
_TAG = "Service"


async def _by_the_shell(_: Call) -> Answer:
    raise AssertionError("the shell answers it before any routing")


TRACK = Operation(
    name="track",
    method="POST",
    path="/api/widgets/{widget_id}/track",
    family="widget",
    handler=_by_the_shell,
    body_bytes_max=WIDGET_BYTES_MAX,
    summary="Tell what a visitor did: one event, or a batch",
    tag="Widget",
    body=TrackBody,
    reply=TrackReply,
    reasons=("batch_too_long", "queue_full"),
)
"""The hot route, as the documents show it."""


def service_operations(table: Callable[[], Sequence[Operation]]) -> tuple[Operation, ...]:
    """Make the rows; `table` returns all rows that the documents describe."""
    return (*_HEALTH, *_scripts(Scripts()), *_documents(Docs(table)))


_HEALTH = (
    Operation(
        name="healthz",
        method="GET",
        path="/healthz",
        family="service",
        handler=health.healthz,
        summary="Say that the server runs",
        tag=_TAG,
        reply=wire.HealthReply,
    ),
    Operation(
        name="readyz",
        method="GET",
        path="/readyz",
        family="service",
        handler=health.readyz,
        summary="Say whether the server takes work",
        tag=_TAG,
        reply=wire.ReadyReply,
    ),
    Operation(
        name="version",
        method="GET",
        path="/version",
        family="service",
        handler=health.version,
        summary="Say which version runs",
        tag=_TAG,
        reply=wire.VersionReply,
    ),
    Operation(
        name="metrics",
        method="GET",
        path="/metrics",
        family="service",
        handler=health.metrics,
        summary="Show the counters to Prometheus",
        tag=_TAG,
        media="text/plain",
        reasons=("invalid_credentials",),
    ),
)


def _scripts(scripts: Scripts) -> tuple[Operation, ...]:
    return (
        Operation(
            name="widget_script",
            method="GET",
            path="/widget.js",
            family="service",
            handler=scripts.widget,
            summary="The script that a page includes",
            tag="Widget",
            media=JAVASCRIPT,
        ),
        Operation(
            name="booking_script",
            method="GET",
            path="/booking.js",
            family="service",
            handler=scripts.booking,
            summary="The module that the widget loads when there is something to book",
            tag="Widget",
            media=JAVASCRIPT,
        ),
        Operation(
            name="sound_script",
            method="GET",
            path="/sound.js",
            family="service",
            handler=scripts.sound,
            summary="The module that the widget loads for the first message with a sound",
            tag="Widget",
            media=JAVASCRIPT,
        ),
        Operation(
            name="stub_script",
            method="GET",
            path="/stub.js",
            family="service",
            handler=scripts.stub,
            summary="Keeps a page's calls until the widget is there",
            tag="Widget",
            media=JAVASCRIPT,
        ),
    )


def _documents(docs: Docs) -> tuple[Operation, ...]:
    return (
        Operation(
            name="openapi",
            method="GET",
            path="/openapi.json",
            family="service",
            handler=docs.openapi,
            summary="Describe the HTTP API (OpenAPI 3.1)",
            tag=_TAG,
            reply=dict[str, object],
        ),
        Operation(
            name="asyncapi",
            method="GET",
            path="/asyncapi.json",
            family="service",
            handler=docs.asyncapi,
            summary="Describe the sockets (AsyncAPI 3.0)",
            tag=_TAG,
            reply=dict[str, object],
        ),
        Operation(
            name="docs",
            method="GET",
            path="/docs",
            family="service",
            handler=docs.http_page,
            summary="Show the HTTP API to a person",
            tag=_TAG,
            media=HTML,
        ),
        Operation(
            name="docs_sockets",
            method="GET",
            path="/docs/sockets",
            family="service",
            handler=docs.sockets_page,
            summary="Show the sockets to a person",
            tag=_TAG,
            media=HTML,
        ),
        Operation(
            name="docs_style",
            method="GET",
            path="/docs/style.css",
            family="service",
            handler=docs.style,
            summary="The look of the pages",
            tag=_TAG,
            media="text/css",
        ),
    )
