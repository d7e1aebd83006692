"""The keys that sign access tokens. One signs; every published one verifies."""

import time
from datetime import timedelta
from typing import Any

from chassis.database import Database
from identity.crud import signing_keys
from identity.ports import Claims, KeyPair, Signer

_CACHE_SECONDS = 30.0


class KeyService:
    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer
        self._active: KeyPair | None = None
        self._public: dict[str, Any] = {}
        self._jwks: list[dict[str, Any]] = []
        self._read_at = -_CACHE_SECONDS

    async def sign(self, claims: Claims, *, lifetime: timedelta) -> str:
        await self._refresh()
        assert self._active is not None  # noqa: S101  _refresh makes the first one
        return self._signer.sign(claims, key=self._active, lifetime=lifetime)

    async def jwks(self) -> dict[str, Any]:
        await self._refresh()
        return {"keys": self._jwks}

    async def key(self, kid: str) -> Any | None:
        """The public key by id; makes this service a `chassis.auth.KeySource` for its own tokens."""
        await self._refresh()
        return self._public.get(kid)

    async def _refresh(self) -> None:
        if time.monotonic() - self._read_at < _CACHE_SECONDS:
            return
        async with self._database.transaction() as session:
            row = await signing_keys.get_active(session)
            if row is None:
                await signing_keys.lock(session)
                row = await signing_keys.get_active(session)
            if row is None:
                pair = self._signer.new_key()
                row = await signing_keys.add(session, kid=pair.kid, sealed=pair.sealed, public_jwk=pair.public_jwk)
            self._active = KeyPair(row.kid, row.sealed, row.public_jwk)
            self._jwks = await signing_keys.list_public(session)
        self._public = {jwk["kid"]: self._signer.public_key(jwk) for jwk in self._jwks}
        self._read_at = time.monotonic()
