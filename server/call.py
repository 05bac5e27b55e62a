"""One request as a handler sees it: checked credentials, parameters and a bounded body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import msgspec

from engine.ids import derived_id
from server.access.auth import Principal
from server.errors import ApiError
from server.pagination import next_link
from server.services import Services
from server.wire.decoding import Reader, unknown_fields
from server.wire.envelope import Advice, Answer, Header, PageMark, success
from server.wire.query import read_query
from server.workspace_settings import Assistant, Workspace

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed the checks before the body (API.md 1.2).

    `principal` is None where the family needs no key. Header names are lower case. `address` is the
    client's, behind trusted proxies too. `repeat_key` names the request when it has an
    Idempotency-Key, else "".
    """

    services: Services
    request_id: str
    now_ms: int
    headers: Mapping[bytes, bytes]
    params: Mapping[str, str]
    body: bytes = b""
    principal: Principal | None = None
    method: str = "GET"
    path: str = ""
    query_string: str = ""
    address: str = ""
    repeat_key: str = ""
    _ids_made: "count[int]" = field(default_factory=count)
    _ignored: list[Advice] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        """Return the workspace of the caller's key."""
        assert self.principal is not None, "an operation with a scope has a principal"
        return self.principal.workspace

    def require(self, scope: str) -> None:
        """Refuse a caller without a scope that only some of the operation's requests need.

        Raises ApiError: missing_scope.
        """
        assert self.principal is not None, "an operation with a scope has a principal"
        if not self.principal.may(scope):
            raise ApiError("missing_scope", details={"scope": scope})

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

    def make_id(self, prefix: str) -> str:
        """Make an id of something that this request makes.

        With an Idempotency-Key the first, second ... id is the same each time the request comes, so
        that an effect whose answer was lost happens once.
        """
        if not self.repeat_key:
            return self.services.ids.make(prefix)
        number = next(self._ids_made)
        return derived_id(prefix, self.services.secret, "request", self.repeat_key, number)

    # ---- what was sent

    def read(self, reader: Reader[T], *, may_be_empty: bool = False) -> tuple[T, list[Advice]]:
        """Decode the JSON body; unknown fields come back as warnings.

        `may_be_empty`: no body at all is read as `{}`, whatever its content type.

        Raises ApiError as `Reader.read`, and unsupported_media_type.
        """
        if may_be_empty and not self.body:
            return reader.read(b"{}"), []
        check_media_type(self.headers)
        value = reader.read(self.body)
        return value, [_ignored(name) for name in unknown_fields(reader.kind, self.body)]

    def query(self, kind: type[T]) -> T:
        """Decode the query string; parameters that are not known become warnings of the answer.

        Raises ApiError: the reason of the first parameter that does not fit, with its name as field.
        """
        value, unknown = read_query(kind, self.query_string)
        self._ignored.extend(
            Advice("unknown_field", f"{name} is not a parameter of this list; it was ignored", name)
            for name in unknown
        )
        return value

    def cursor(self, text: str | None) -> str | None:
        """Return the position that a cursor holds, None for the first page.

        Raises ApiError: invalid_cursor.
        """
        if text is None:
            return None
        cursors = self.services.cursors
        return cursors.read(text, self.workspace.id, self.path, self.now_ms)

    # ---- what is answered

    def success(
        self,
        data: object,
        warnings: Sequence[Advice] = (),
        headers: tuple[Header, ...] = (),
    ) -> Answer:
        """Answer in the platform's envelope."""
        told = (*self._ignored, *warnings)
        return success(data, self.request_id, self.now_ms, told).with_headers(headers)

    def page(
        self, rows: Sequence[object], next_position: str | None, warnings: Sequence[Advice] = ()
    ) -> Answer:
        """Answer one page of a list; `next_position` is where the next one begins, None = no more."""
        told = (*self._ignored, *warnings)
        if next_position is None:
            return success(rows, self.request_id, self.now_ms, told, PageMark(False, None))
        cursors = self.services.cursors
        cursor = cursors.write(next_position, self.workspace.id, self.path, self.now_ms)
        answer = success(rows, self.request_id, self.now_ms, told, PageMark(True, cursor))
        address = self.services.config.server.public_url + self.path
        link = next_link(address, self.query_string, cursor)
        return answer.with_headers(((b"link", link),))

    def whole(self, body: msgspec.Struct) -> Answer:
        """Answer with a body that carries its own `success`, as the widget and agent families do."""
        return Answer(200, msgspec.json.encode(body))


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that is not plain JSON.

    Raises ApiError: unsupported_media_type, unsupported_encoding.
    """
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type != b"application/json":
        raise ApiError("unsupported_media_type")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ApiError("unsupported_encoding")


def _ignored(name: str) -> Advice:
    return Advice("unknown_field", f"{name} is not a field of this request; it was ignored", name)
