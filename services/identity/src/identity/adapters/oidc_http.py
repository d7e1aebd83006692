"""Requests to an OpenID provider: short, small, straight. What it answers is a stranger's word."""

import asyncio
import json
import logging
from typing import Any

import httpx

from chassis.errors import Unavailable
from identity.errors import OIDC_PROVIDER_DOWN

log = logging.getLogger(__name__)

# From the name's look-up to the last byte: a provider that drips its answer holds up nobody for longer.
SECONDS = 8.0
MAX_BYTES = 256 * 1024


async def ask(method: str, url: str, *, title: str, **parts: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer below 500. Redirects are not followed: they would take the code elsewhere.

    Raises:
        Unavailable: nothing of that kind came back.
    """
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"} | parts.pop("headers", {})
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(timeout=SECONDS, trust_env=False, follow_redirects=False) as client,
            client.stream(method, url, headers=headers, **parts) as answer,
        ):
            status, body = answer.status_code, await _read(answer)
        found = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
        # The code and the client's secret travel in bodies and headers, never in what is logged here.
        log.warning("%s %s: %r", method, url.partition("?")[0], error)
        raise down(title) from error
    if status >= 500 or status in (408, 429) or 300 <= status < 400 or not isinstance(found, dict):  # noqa: PLR2004  HTTP
        log.warning("%s %s: status %s", method, url.partition("?")[0], status)
        raise down(title)
    return status, found


def down(title: str) -> Unavailable:
    return Unavailable(OIDC_PROVIDER_DOWN, headers={"Retry-After": "10"}, provider=title)


async def _read(answer: httpx.Response) -> bytes:
    body = bytearray()
    # Raw: what is compressed against our wish is no JSON, and no bomb either.
    async for part in answer.aiter_raw():
        body += part
        if len(body) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
    return bytes(body)
