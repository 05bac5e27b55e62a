"""The running server as the command line reaches it: with the token that it left for operators."""

import http.client
from collections.abc import Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from server.access.operator_token import OperatorAccess, read_access, token_path
from server.cli.command import Refusal
from server.config import Config

TIMEOUT_S = 60

LONG_TIMEOUT_S = 6 * 3_600
"""For what takes as long as the store is large."""

_Reply = TypeVar("_Reply")


class _Wrong(msgspec.Struct):
    message: str


class _Failure(msgspec.Struct):
    error: _Wrong


class OperatorClient:
    """Asks a server of this machine; each call is one request."""

    def __init__(self, access: OperatorAccess) -> None:
        """Ask the server that left this token."""
        self._access = access

    def exchange(
        self, method: str, path: str, body: bytes = b"", timeout_s: float = TIMEOUT_S
    ) -> tuple[int, bytes]:
        """Send one request and return status and body.

        Raises:
            OSError, http.client.HTTPException: nobody answers there.
        """
        connection = self._connection(timeout_s)
        try:
            response = self._send(connection, method, path, body)
            return response.status, response.read()
        finally:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        kind: type[_Reply],
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> _Reply:
        """Send one request and read its answer.

        Raises:
            Refusal: the server does not answer, or refuses; in its own words.
        """
        try:
            status, answer = self.exchange(method, path, body, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            message = f"the server at {self._access.address} does not answer: {error}"
            raise Refusal(message) from error
        if status != 200:
            raise Refusal(_words(answer, status))
        return msgspec.json.decode(answer, type=kind)

    def lines(self, path: str) -> Iterator[bytes]:
        """Read an answer line by line while it comes.

        Raises:
            Refusal: the server does not answer, or refuses; in its own words.
        """
        connection = self._connection()
        try:
            response = self._send(connection, "GET", path, b"")
            if response.status != 200:
                raise Refusal(_words(response.read(), response.status))
            yield from response
        except (OSError, http.client.HTTPException) as error:
            message = f"the server at {self._access.address} stopped answering: {error}"
            raise Refusal(message) from error
        finally:
            connection.close()

    def _connection(self, timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
        place = urlsplit(self._access.address)
        return http.client.HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes
    ) -> http.client.HTTPResponse:
        headers = {
            "Authorization": f"Bearer {self._access.token}",
            "Content-Type": "application/json",
        }
        connection.request(method, path, body or None, headers)
        return connection.getresponse()


def running_server(config: Config) -> OperatorClient | None:
    """Find the server of this configuration; None when none runs."""
    access = read_access(token_path(config))
    if access is None:
        return None
    client = OperatorClient(access)
    try:
        # Without a workspace the request is refused: by a server that knows the token, for that alone.
        status, _ = client.exchange("GET", "/v1/operator/keys?workspace=")
    except (OSError, http.client.HTTPException):
        return None
    return client if status == 400 else None


def _words(answer: bytes, status: int) -> str:
    try:
        return msgspec.json.decode(answer, type=_Failure).error.message
    except msgspec.DecodeError:
        return f"the server answered {status}"
