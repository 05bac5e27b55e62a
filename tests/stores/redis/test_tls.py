"""rediss://: the same over TLS, to a server whose certificate is trusted, and to no other."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.errors import StoreRefused
from engine.stores.redis import opening as redis_opening
from engine.stores.redis.node import MakeLane
from tests.faults.server import Single
from tests.stores.redis.clients import client_of, put
from tests.stores.redis.lanes import KINDS

pytestmark = pytest.mark.anyio


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with a key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2100))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, form, serialization.NoEncryption()) + made.public_bytes(pem)
    )
    return path


@asynccontextmanager
async def behind_tls(certificate: Path, port: int) -> AsyncIterator[int]:
    """Serve TLS on a new port, in front of a server without."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    writers: list[asyncio.StreamWriter] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(ConnectionError, ssl.SSLError):
            while received := await reader.read(65_536):
                writer.write(received)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


@pytest.mark.parametrize("make", KINDS, ids=["hiredis", "redis-py"])
async def test_commands_and_channels_go_over_tls(
    make: MakeLane, valkey: Single, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    valkey.flush()
    async with (
        behind_tls(certificate, valkey.node.port) as port,
        client_of(f"rediss://127.0.0.1:{port}", make=make) as client,
    ):
        await asyncio.gather(*(put(client, n, str(n), lane=n) for n in range(100)))
        await client.channels.subscribe(1, "a")
        assert await client.write(1, "SPUBLISH", "a", "x") == 1


async def test_a_certificate_that_nobody_trusts_is_refused(
    valkey: Single, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_opening, "DEADLINE_S", 0.3)
    async with behind_tls(certificate, valkey.node.port) as port:
        with pytest.raises(StoreRefused, match="certificate"):
            async with client_of(f"rediss://127.0.0.1:{port}"):
                pass
