"""The way out to an LLM provider, against real servers on this machine."""

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from org_partner.adapters import provider_httpx
from org_partner.adapters.provider_httpx import HttpxProvider, pinned_client
from org_partner.ports import Endpoint, Unreachable

NAME = "llm.example.com"
MODELS = b'{"data": [{"id": "gpt-4.1-mini"}]}'


def http_answer(body: bytes = MODELS, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


@dataclass
class Server:
    """Answers every connection with the same bytes, and keeps what it was asked."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def endpoint(self, *addresses: str, scheme: str = "http", host: str = NAME) -> Endpoint:
        url = f"{scheme}://{host}:{self.port}/v1"
        return Endpoint(url, scheme, host, self.port, addresses or ("127.0.0.1",))


@contextlib.asynccontextmanager
async def serving(answer: bytes | Callable, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            server.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    if tls:
        tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@dataclass
class Authority:
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    """A certificate for NAME alone, and a client that believes it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem + private)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return Authority(server, ssl.create_default_context(cadata=pem.decode()))


async def test_the_name_stays_though_the_address_is_pinned() -> None:
    async with serving(http_answer()) as server:
        reply = await HttpxProvider().get(server.endpoint(), "/models", api_key="sk-1")

    assert (reply.status, reply.body) == (200, MODELS)
    (request,) = server.asked
    head = request.decode().lower().split("\r\n")
    assert head[0] == "get /v1/models http/1.1"
    assert f"host: {NAME}:{server.port}" in head
    assert "authorization: bearer sk-1" in head
    assert "accept-encoding: identity" in head


async def test_without_a_key_none_is_sent() -> None:
    async with serving(http_answer()) as server:
        await HttpxProvider().get(server.endpoint(), "/models", api_key=None)

    assert b"uthorization" not in server.asked[0]


async def test_tls_is_for_the_name_and_not_for_the_address(authority) -> None:
    async with serving(http_answer(), authority.server) as server:
        provider = HttpxProvider(trusted=authority.client)
        reply = await provider.get(server.endpoint(scheme="https"), "/models", api_key="sk-1")

    assert reply.status == 200
    assert server.names == [NAME]


@pytest.mark.parametrize("host", ["other.example.com", "127.0.0.1"])
async def test_a_certificate_of_another_name_ends_it_before_the_key_is_sent(authority, host) -> None:
    async with serving(http_answer(), authority.server) as server:
        provider = HttpxProvider(trusted=authority.client)
        with pytest.raises(Unreachable) as caught:
            await provider.get(server.endpoint(scheme="https", host=host), "/models", api_key="sk-1")

    assert caught.value.reason == "tls"
    assert server.asked == []


async def test_an_authority_that_nobody_knows_is_not_believed(authority) -> None:
    async with serving(http_answer(), authority.server) as server:
        with pytest.raises(Unreachable) as caught:
            await HttpxProvider().get(server.endpoint(scheme="https"), "/models", api_key="sk-1")

    assert caught.value.reason == "tls"
    assert server.asked == []


async def test_the_name_is_never_looked_up_again(monkeypatch) -> None:
    async def inside(*_args, **_options):
        raise AssertionError("asked the name service")

    async with serving(http_answer()) as server:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside, raising=False)
        reply = await HttpxProvider().get(server.endpoint(), "/models", api_key=None)

    assert reply.status == 200


async def test_when_an_address_does_not_answer_the_next_one_is_tried() -> None:
    async with serving(http_answer()) as server:
        reply = await HttpxProvider().get(server.endpoint("127.0.0.2", "127.0.0.1"), "/models", api_key=None)
        with pytest.raises(Unreachable) as caught:
            await HttpxProvider().get(server.endpoint("127.0.0.2", "127.0.0.3"), "/models", api_key=None)

    assert reply.status == 200
    assert caught.value.reason == "connection"


@pytest.mark.parametrize(
    "place", ["http://localhost:{port}/", "http://llm.example.com/", "https://llm.example.com:{port}/"]
)
async def test_no_other_place_can_be_asked_for_through_the_pinned_client(place) -> None:
    async with serving(http_answer()) as server, pinned_client(server.endpoint()) as client:
        with pytest.raises(httpx.ConnectError, match="another place"):
            await client.get(place.format(port=server.port))

    assert server.asked == []


async def test_redirects_are_answers_and_not_followed() -> None:
    async with serving(http_answer()) as inside:
        location = f"Location: http://127.0.0.1:{inside.port}/\r\n"
        async with serving(http_answer(b"", "302 Found", location)) as server:
            reply = await HttpxProvider().get(server.endpoint(), "/models", api_key="sk-1")

    assert reply.status == 302
    assert inside.asked == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch) -> None:
    async with serving(http_answer(b"proxy")) as proxy, serving(http_answer()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        reply = await HttpxProvider().get(server.endpoint(), "/models", api_key="sk-1")

    assert reply.body == MODELS
    assert proxy.asked == []


async def test_an_answer_is_read_up_to_its_bound() -> None:
    exact = b"x" * provider_httpx.MAX_BYTES
    async with serving(http_answer(exact)) as server:
        assert (await HttpxProvider().get(server.endpoint(), "/models", api_key=None)).body == exact
    async with serving(http_answer(exact + b"x")) as server:
        with pytest.raises(Unreachable) as caught:
            await HttpxProvider().get(server.endpoint(), "/models", api_key=None)
    assert caught.value.reason == "too_large"


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def test_an_endless_answer_is_cut_off() -> None:
    async with serving(endless) as server:
        with pytest.raises(Unreachable) as caught:
            await HttpxProvider().get(server.endpoint(), "/models", api_key=None)

    assert caught.value.reason == "too_large"


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("answer", [dripping, silent])
async def test_neither_drips_nor_silence_hold_it_up(answer) -> None:
    async with serving(answer) as server:
        async with asyncio.timeout(10):
            with pytest.raises(Unreachable) as caught:
                await HttpxProvider(total_seconds=0.5).get(server.endpoint(), "/models", api_key=None)

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"",
        http_answer(gzip.compress(b"x" * 10_000_000), headers="Content-Encoding: gzip\r\n"),
    ],
)
async def test_what_is_no_plain_answer_is_told(answer) -> None:
    async with serving(answer) as server:
        with pytest.raises(Unreachable) as caught:
            await HttpxProvider().get(server.endpoint(), "/models", api_key=None)

    assert caught.value.reason == "protocol"


async def test_ipv6_addresses_are_connected_to_too() -> None:
    endpoint = Endpoint("http://[::1]:1/v1", "http", "::1", 1, ("::1",))

    with pytest.raises(Unreachable) as caught:
        await HttpxProvider().get(endpoint, "/models", api_key=None)

    assert caught.value.reason == "connection"
