"""One request as a handler sees it: checked credentials, parameters and a bounded body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from server.auth import Principal
from server.errors import ApiError
from server.services import Services
from server.wire.decoding import Reader, unknown_fields
from server.wire.envelope import Advice, Answer, success
from server.workspace_settings import Assistant, Workspace

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the checks before the body (API.md 1.2).

    `principal` is None where the family needs no key. Header names are lower case.
    """

    services: Services
    request_id: str
    now_ms: int
    headers: Mapping[bytes, bytes]
    params: Mapping[str, str]
    body: bytes = b""
    principal: Principal | None = None

    @property
    def workspace(self) -> Workspace:
        """Return the workspace of the caller's key."""
        assert self.principal is not None, "an operation with a scope has a principal"
        return self.principal.workspace

    def assistant(self, assistant_id: str | None) -> Assistant:
        """Return the assistant that is asked for, the primary one when none is.

        Raises ApiError: assistant_not_found, no_assistant.
        """
        wanted = self.workspace.primary_assistant
        if assistant_id is not None:
            wanted = self.workspace.assistant(assistant_id)
            if wanted is None:
                raise ApiError("assistant_not_found", field="assistant_id")
        if wanted is None:
            raise ApiError("no_assistant")
        return wanted

    def read(self, reader: Reader[T]) -> tuple[T, list[Advice]]:
        """Decode the JSON body; unknown fields come back as warnings.

        Raises ApiError as `Reader.read`, and unsupported_media_type.
        """
        content_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if content_type != b"application/json":
            raise ApiError("unsupported_media_type")
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise ApiError("unsupported_encoding")
        value = reader.read(self.body)
        return value, [_ignored(name) for name in unknown_fields(reader.kind, self.body)]

    def success(self, data: object, warnings: list[Advice]) -> Answer:
        """Answer in the platform's envelope."""
        return success(data, self.request_id, self.now_ms, warnings)


def _ignored(name: str) -> Advice:
    return Advice("unknown_field", f"{name} is not a field of this request; it was ignored", name)
