"""One OpenAI-compatible provider over HTTP: the connection, when to try again or not at all, and what failures mean.

aiohttp instead of the `openai` client, whose own work takes 2 ms of the 10 that embedding a question takes here.
"""

import json
from http import HTTPStatus
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from retrieval.circuit import Circuit
from retrieval.errors import EmbeddingError, EmbeddingInvalid, EmbeddingRefused, EmbeddingUnavailable

_TRANSIENT = frozenset({408, 409, 429})
_NO_SUCH_ENDPOINT = frozenset({404, 405, 501})
# A provider that asks for more than this is not waited for; its caller decides.
_LONGEST_WAIT = 60.0
_CONNECT_SECONDS = 5.0
_SAID = 500
_BACKOFF = wait_exponential_jitter(multiplier=0.5, max=8.0, jitter=0.5)


class EndpointMissing(EmbeddingRefused):
    """The provider has no such path, or no such model."""


class CircuitOpen(EmbeddingUnavailable):
    """The provider has failed so often that it is not called; `retry_after` says when it is again."""


class Provider:
    """`base_url` ends in /v1. `timeout`: seconds for one try; `retries`: further tries after one that may pass.
    `name` is for messages.
    """

    def __init__(
        self, base_url: str, *, api_key: str, timeout: float, retries: int, name: str = "embedding provider"
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._circuit = Circuit()
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_SECONDS)
        self._trying = AsyncRetrying(
            stop=stop_after_attempt(retries + 1),
            retry=retry_if_exception(_is_worth_waiting_for),
            wait=_pause,
            reraise=True,
        )
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The reply's JSON.

        Raises:
            EmbeddingUnavailable: no connection, timeout, 408, 409, 429 or 5xx, after all tries; CircuitOpen, at once,
                after several such failures in a row.
            EmbeddingRefused: any other status; EndpointMissing for 404, 405 and 501.
            EmbeddingInvalid: a reply that is not JSON.
        """
        return await self._trying(self._try, path, body)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _try(self, path: str, body: dict[str, Any]) -> Any:
        wait = self._circuit.enter()
        if wait is not None:
            raise CircuitOpen(f"the {self._name} failed too often and is not called", retry_after=wait)
        try:
            reply = await self._post(path, body)
        except EmbeddingUnavailable as error:
            self._circuit.fail(retry_after=error.retry_after)
            raise
        except EmbeddingError:
            # It answers; what it refuses is the caller's affair.
            self._circuit.succeed()
            raise
        except BaseException:
            self._circuit.forget()
            raise
        self._circuit.succeed()
        return reply

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            # Redirects would carry the key and the texts to whoever the provider names.
            async with self._connected().post(self._base_url + path, json=body, allow_redirects=False) as response:
                reply = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EmbeddingUnavailable(f"the {self._name} cannot be reached: {error!r}") from error
        if response.status != HTTPStatus.OK:
            raise _failure(self._name, response, reply)
        try:
            return json.loads(reply)
        except ValueError as error:
            raise EmbeddingInvalid(f"the {self._name}'s reply is not JSON") from error

    def _connected(self) -> aiohttp.ClientSession:
        """Made at the first call, because a session belongs to the loop that runs then."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        return self._session


def _failure(name: str, response: aiohttp.ClientResponse, reply: bytes) -> EmbeddingRefused | EmbeddingUnavailable:
    said = reply[:_SAID].decode(errors="replace")
    message = f"the {name} answered {response.status}: {said}"
    if response.status in _NO_SUCH_ENDPOINT:
        return EndpointMissing(message)
    if response.status in _TRANSIENT or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return EmbeddingUnavailable(message, retry_after=_seconds(response.headers.get("Retry-After", "")))
    return EmbeddingRefused(message)


def _seconds(value: str) -> float | None:
    try:
        return max(0.0, float(value))
    except ValueError:
        return None


def _is_worth_waiting_for(error: BaseException) -> bool:
    if not isinstance(error, EmbeddingUnavailable) or isinstance(error, CircuitOpen):
        return False
    return (error.retry_after or 0) <= _LONGEST_WAIT


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked_for = error.retry_after if isinstance(error, EmbeddingUnavailable) else None
    return asked_for if asked_for is not None else _BACKOFF(state)
