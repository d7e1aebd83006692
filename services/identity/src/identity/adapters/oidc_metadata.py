"""A provider's discovery document (OpenID Connect Discovery 1.0), fetched once an hour."""

import asyncio
import logging
import time
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from chassis.errors import Unavailable
from identity.adapters import oidc_http

log = logging.getLogger(__name__)

CACHE_SECONDS = 3600.0
# After a failure, so that those who wait for a slow provider do not each wait for it one after the other.
RETRY_SECONDS = 5.0


class Metadata(BaseModel):
    """What we need of it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = Field(default=["client_secret_basic"])

    @property
    def schemes(self) -> set[str]:
        addresses = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint)
        return {urlsplit(address).scheme for address in addresses if address is not None}


class ProviderMetadata:
    def __init__(self, issuer: str, *, title: str) -> None:
        self._issuer = issuer
        self._title = title
        self._metadata: Metadata | None = None
        self._next_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> Metadata:
        """The last good one, while the provider does not answer.

        Raises:
            Unavailable: there has been none yet.
        """
        async with self._lock:
            if time.monotonic() >= self._next_at:
                try:
                    self._metadata = await self._discover()
                    self._next_at = time.monotonic() + CACHE_SECONDS
                except Unavailable:
                    self._next_at = time.monotonic() + RETRY_SECONDS
            if self._metadata is None:
                raise oidc_http.down(self._title)
            return self._metadata

    async def _discover(self) -> Metadata:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        status, found = await oidc_http.ask("GET", url, title=self._title)
        try:
            metadata = Metadata.model_validate(found)
            schemes = metadata.schemes
        except ValueError as error:
            log.warning("%s: status %s, and no metadata", url, status)
            raise oidc_http.down(self._title) from error
        # One that speaks for another issuer could hand us that one's users (OpenID Connect Core, 16.15).
        if metadata.issuer != self._issuer or not schemes <= {"https", urlsplit(self._issuer).scheme}:
            log.error("%s speaks for %s, with addresses of %s", url, metadata.issuer, sorted(schemes))
            raise oidc_http.down(self._title)
        return metadata
