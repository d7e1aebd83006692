"""A provider's public keys, and what they say about an ID token."""

import asyncio
import time
from typing import Any

import jwt

from chassis.errors import Unavailable
from identity.adapters import oidc_http

# Never `none`, and nothing symmetric: the public key would be the secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 30
CACHE_SECONDS = 3600.0
# A token with an unknown key makes one request, shared by all, and not more often than this.
REFETCH_SECONDS = 10.0
_MOST_KEYS = 20


class ProviderKeys:
    def __init__(self, *, title: str) -> None:
        self._title = title
        self._keys: list[dict[str, Any]] = []
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(
        self, token: str, *, url: str, issuer: str, audience: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that one of the keys at `url` signed for us.

        Raises:
            jwt.PyJWTError: it is not that, or not any more.
            Unavailable: the keys cannot be had.
        """
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError(f"{algorithm!r} is not among those we take")
        problem: jwt.PyJWTError = jwt.InvalidKeyError("no key of the provider has this id")
        for key in await self._candidates(header.get("kid"), url=url):
            try:
                return header, _decode(token, key, algorithm=algorithm, issuer=issuer, audience=audience)
            except jwt.PyJWTError as error:
                problem = error
            except (ValueError, TypeError, KeyError) as error:
                problem = jwt.InvalidKeyError(repr(error))
        raise problem

    async def _candidates(self, kid: Any, *, url: str) -> list[dict[str, Any]]:
        """Without an id in the token every key may be the one (OpenID Connect Core, 10.1)."""
        async with self._lock:
            now = time.monotonic()
            fresh = self._of(kid) and now - self._fetched_at <= CACHE_SECONDS
            if not fresh and now - self._tried_at > REFETCH_SECONDS:
                self._tried_at = now
                try:
                    await self._fetch(url)
                except Unavailable:
                    # Those that we have go on being good while the provider is away.
                    if not self._of(kid):
                        raise
            return self._of(kid)

    def _of(self, kid: Any) -> list[dict[str, Any]]:
        return [key for key in self._keys if kid is None or key.get("kid") == kid]

    async def _fetch(self, url: str) -> None:
        status, found = await oidc_http.ask("GET", url, title=self._title)
        keys = found.get("keys")
        if status != 200 or not isinstance(keys, list):  # noqa: PLR2004  HTTP status
            raise oidc_http.down(self._title)
        usable = [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]
        self._keys = usable[:_MOST_KEYS]
        self._fetched_at = time.monotonic()


def _decode(token: str, key: dict[str, Any], *, algorithm: str, issuer: str, audience: str) -> dict[str, Any]:
    if key.get("alg", algorithm) != algorithm:
        raise jwt.InvalidAlgorithmError("the key is for another algorithm")
    return jwt.decode(
        token,
        jwt.PyJWK(key, algorithm),
        algorithms=[algorithm],
        issuer=issuer,
        audience=audience,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iat", "sub", "iss", "aud"]},
    )
