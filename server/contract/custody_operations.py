"""Operations on a visitor's data as a whole: export and erasure, for callers and for the command line."""

from server.contract.operation import LOGIN_BYTES_MAX, Operation
from server.routes import custody
from server.wire import custody as wire

CUSTODY_OPERATIONS = (
    Operation(
        name="export_visitor",
        method="GET",
        path="/v1/visitors/{visitor_id}/export",
        family="platform",
        handler=custody.export_visitor,
        scope="visitors:read",
        summary="Export all that is kept of a visitor, one thing a line",
        tag="Visitors",
        reply=wire.ExportedLine,
        reasons=("visitor_not_found",),
        media="application/x-ndjson",
    ),
    Operation(
        name="erase_visitor",
        method="DELETE",
        path="/v1/visitors/{visitor_id}",
        family="platform",
        handler=custody.erase_visitor,
        scope="visitors:erase",
        summary="Erase a visitor, and keep nothing new of them for 24 hours",
        tag="Visitors",
        reply=wire.VisitorErasedShown,
        reasons=("visitor_not_found",),
    ),
)

OPERATOR_CUSTODY_OPERATIONS = (
    Operation(
        name="operator_export_visitor",
        method="GET",
        path="/v1/operator/visitor",
        family="service",
        handler=custody.operator_export,
        summary="Export all that is kept of a visitor",
        tag="Operator",
        query=wire.OperatorVisitorQuery,
        reply=wire.ExportedLine,
        media="application/x-ndjson",
    ),
    Operation(
        name="operator_erase_visitor",
        method="DELETE",
        path="/v1/operator/visitor",
        family="service",
        handler=custody.operator_erase,
        summary="Erase a visitor",
        tag="Operator",
        query=wire.OperatorErasureQuery,
        reply=wire.OperatorErased,
    ),
    Operation(
        name="operator_event_log",
        method="GET",
        path="/v1/operator/log",
        family="service",
        handler=custody.operator_log,
        summary="Export the event log of a workspace",
        tag="Operator",
        query=wire.OperatorLogQuery,
        reply=wire.ExportedLine,
        media="application/x-ndjson",
    ),
    Operation(
        name="operator_backup",
        method="POST",
        path="/v1/operator/backup",
        family="service",
        handler=custody.operator_backup,
        body_bytes_max=LOGIN_BYTES_MAX,
        summary="Copy the store's file",
        tag="Operator",
        body=wire.OperatorBackupBody,
        reply=wire.OperatorBackup,
    ),
)
