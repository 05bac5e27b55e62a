"""The operator's operations, which only the command line uses and no OpenAPI document shows (API.md 2.1)."""

from server.contract.custody_operations import OPERATOR_CUSTODY_OPERATIONS
from server.contract.operation import LOGIN_BYTES_MAX, Operation
from server.routes import operator
from server.routes.operator_why import operator_why
from server.rulebook.session_why import Told
from server.wire import operator as wire
from server.wire.decisions import OperatorWhyQuery

OPERATOR_OPERATIONS = (
    Operation(
        name="operator_list_keys",
        method="GET",
        path="/v1/operator/keys",
        family="service",
        handler=operator.list_keys,
        summary="List the API keys of a workspace",
        tag="Operator",
        query=wire.KeysQuery,
        reply=wire.KeysReply,
    ),
    Operation(
        name="operator_create_key",
        method="POST",
        path="/v1/operator/keys",
        family="service",
        handler=operator.create_key,
        body_bytes_max=LOGIN_BYTES_MAX,
        summary="Make an API key",
        tag="Operator",
        body=wire.KeyBody,
        reply=wire.KeyReply,
    ),
    Operation(
        name="operator_revoke_key",
        method="POST",
        path="/v1/operator/keys/revoke",
        family="service",
        handler=operator.revoke_key,
        body_bytes_max=LOGIN_BYTES_MAX,
        summary="Revoke an API key",
        tag="Operator",
        body=wire.RevokeBody,
        reply=wire.KeyReply,
    ),
    Operation(
        name="operator_why",
        method="GET",
        path="/v1/operator/why",
        family="service",
        handler=operator_why,
        summary="Say why rules spoke or stayed silent in a session",
        tag="Operator",
        query=OperatorWhyQuery,
        reply=Told,
    ),
    *OPERATOR_CUSTODY_OPERATIONS,
)
