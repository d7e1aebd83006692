"""The connection to a Qdrant server, and what its failures mean."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from retrieval.errors import IndexMissing, StoreError, StoreUnavailable

_log = logging.getLogger(__name__)

_TRY_LATER = {408, 429, 500, 502, 503, 504}
_PAUSE = 0.2
# As many as a question has words to be counted at once.
_CONNECTIONS = 32

type Client = AsyncQdrantClient


class QdrantConnection:
    """`timeout` in seconds holds for each request. `api_key` may be empty."""

    def __init__(self, url: str, *, api_key: str, timeout: int) -> None:
        self.url = url
        self._api_key, self._timeout = api_key, timeout
        self._client: Client | None = None

    def open(self) -> None:
        """Asks nothing of the server: a service starts, and says that it is not ready, while it is down."""
        if self._client is None:
            # As a header: given as an argument, the client warns of a key without TLS, which is what runs between
            # containers. The client's own look at the server's version would be a thread with a warning of its own.
            headers = {"api-key": self._api_key} if self._api_key else None
            # Without TLS there are no certificates to check, and reading them takes 50 ms.
            plain: dict[str, Any] = {"verify": False} if self.url.startswith("http://") else {}
            # The client's own limits keep no connection to a server on the same machine: a new one for each request.
            limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
            self._client = AsyncQdrantClient(
                url=self.url,
                headers=headers,
                timeout=self._timeout,
                check_compatibility=False,
                limits=limits,
                **plain,
            )

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def run[T](self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Runs `work`, which may be repeated. Repeats it once when the connection was lost, so a restarted server is
        noticed by nobody.
        """
        try:
            return await self._attempt(work)
        except ResponseHandlingException as error:
            if not isinstance(error.source, httpx.NetworkError | httpx.RemoteProtocolError):
                raise _failure(error) from error
            _log.warning("Qdrant failed, trying once more: %s", error.source)
        await asyncio.sleep(_PAUSE)
        try:
            return await self._attempt(work)
        except ResponseHandlingException as error:
            raise _failure(error) from error

    async def _attempt[T](self, work: Callable[[Client], Awaitable[T]]) -> T:
        if self._client is None:
            raise StoreUnavailable("the store is not open")
        try:
            return await work(self._client)
        except ResponseHandlingException:
            raise
        except UnexpectedResponse as error:
            raise _refusal(error) from error
        except QdrantException as error:  # of a rate limit
            raise StoreUnavailable(f"Qdrant asks to slow down: {error}") from error
        except ApiException as error:
            raise StoreError(f"Qdrant refused: {error}") from error


def _refusal(error: UnexpectedResponse) -> StoreError:
    said = error.content.decode(errors="replace")[:500]
    if error.status_code == httpx.codes.NOT_FOUND:
        return IndexMissing(f"the index is not there: {said}")
    if error.status_code in _TRY_LATER:
        return StoreUnavailable(f"Qdrant failed with {error.status_code}: {said}")
    return StoreError(f"Qdrant refused with {error.status_code}: {said}")


def _failure(error: ResponseHandlingException) -> StoreError:
    """No answer, or one that is no answer of Qdrant."""
    if isinstance(error.source, httpx.TransportError):
        return StoreUnavailable(f"Qdrant does not answer: {type(error.source).__name__} {error.source}")
    return StoreError(f"Qdrant's answer was not understood: {error.source}")
