"""The way out to an org's LLM provider: to the checked addresses and nowhere else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from org_partner.ports import Endpoint, Reply, Unreachable

STEP_SECONDS = 5.0
# Each step may take its seconds; a server that drips must not add them up for ever.
TOTAL_SECONDS = 10.0
MAX_BYTES = 256 * 1024


class PinnedTransport(httpx.AsyncBaseTransport):
    """Connects to an endpoint's checked addresses, whatever its name resolves to by now.

    The name stays in the Host header, in TLS's server name and in the certificate's check. A request for another
    place is refused, so that no caller can lead around the check.
    """

    def __init__(self, endpoint: Endpoint, *, trusted: ssl.SSLContext | None = None) -> None:
        self._endpoint = endpoint
        verify = trusted if trusted is not None else httpx.create_ssl_context(trust_env=False)
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        endpoint, url = self._endpoint, request.url
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        if (url.scheme, url.host, port) != (endpoint.scheme, endpoint.host, endpoint.port):
            raise httpx.ConnectError("another place than the checked one", request=request)
        error: httpx.TransportError = httpx.ConnectError("no address", request=request)
        for address in endpoint.addresses:
            pinned = httpx.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": endpoint.host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            # Nothing was sent yet, so the next address is as good.
            except (httpx.ConnectError, httpx.ConnectTimeout) as failed:
                error = failed
        raise error

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def pinned_client(
    endpoint: Endpoint, *, trusted: ssl.SSLContext | None = None, step_seconds: float = STEP_SECONDS
) -> AsyncIterator[httpx.AsyncClient]:
    """`trusted`: whose certificates are believed; absent: the usual authorities'."""
    transport = PinnedTransport(endpoint, trusted=trusted)
    async with httpx.AsyncClient(
        transport=transport, trust_env=False, follow_redirects=False, timeout=step_seconds, max_redirects=0
    ) as client:
        yield client


class HttpxProvider:
    def __init__(self, *, trusted: ssl.SSLContext | None = None, total_seconds: float = TOTAL_SECONDS) -> None:
        self._trusted = trusted
        self._total_seconds = total_seconds

    async def get(self, endpoint: Endpoint, path: str, *, api_key: str | None) -> Reply:
        # Unpacked, a small answer could fill the memory.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        try:
            async with (
                asyncio.timeout(self._total_seconds),
                pinned_client(endpoint, trusted=self._authorities()) as client,
                client.stream("GET", endpoint.url + path, headers=headers) as answer,
            ):
                return Reply(answer.status_code, await _read(answer))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Unreachable("timeout") from error
        except httpx.ConnectError as error:
            raise Unreachable("tls" if _is_tls(error) else "connection") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Unreachable("protocol") from error

    def _authorities(self) -> ssl.SSLContext:
        # Read from a file of some hundred certificates, so once.
        if self._trusted is None:
            self._trusted = httpx.create_ssl_context(trust_env=False)
        return self._trusted


async def _read(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreachable("protocol")
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MAX_BYTES:
            raise Unreachable("too_large")
    return bytes(body)


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
