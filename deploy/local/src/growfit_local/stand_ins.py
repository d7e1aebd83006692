"""What a service's own tests put in identity's place, and their look past the service into its database."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from chassis.auth import ACCESS_TOKEN_TYPE, ALGORITHM, AUDIENCE, Verifier
from chassis.clock import now

_ISSUER = "growfit"
_KID = "test-key"
_ISSUED_BEFORE = timedelta(hours=1)  # so that a token may have expired


class Signer:
    """Signs tokens as identity does, and is the source of the key that verifies them."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        return self._private.public_key() if kid == _KID else None

    @property
    def verifier(self) -> Verifier:
        return Verifier(self, issuer=_ISSUER)

    def token(
        self,
        user_id: UUID,
        *,
        tier: str = "user",
        session_id: UUID | None = None,
        epoch: int = 0,
        lifetime: timedelta = timedelta(minutes=10),
    ) -> str:
        issued = now() - _ISSUED_BEFORE
        claims = {
            "iss": _ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": issued,
            "nbf": issued,
            "exp": now() + lifetime,
            "tier": tier,
            "sid": str(session_id or uuid4()),
            "epoch": epoch,
        }
        return jwt.encode(claims, self._private, ALGORITHM, headers={"kid": _KID, "typ": ACCESS_TOKEN_TYPE})


class Sql:
    """`url`: a libpq URL, of the superuser where a test looks at what no service may see.

    Connections are kept for the next query, because a new one costs fifty times as much. `close` ends them.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[psycopg.AsyncConnection[dict[str, Any]]] = []

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        connection = await self._connection()
        try:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []
        finally:
            # One whose query was cancelled is still busy with it.
            if connection.info.transaction_status is TransactionStatus.IDLE:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _connection(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        while self._idle:
            connection = self._idle.pop()
            # The server may have been restarted, or have put it out, since it was used.
            try:
                await connection.execute("")
            except psycopg.OperationalError:
                await connection.close()
            else:
                return connection
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, row_factory=dict_row)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()
