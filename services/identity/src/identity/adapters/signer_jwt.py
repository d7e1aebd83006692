"""EdDSA access tokens (RFC 8037, RFC 9068) and the keys that sign them, sealed with AES-256-GCM at rest."""

import base64
import json
import os
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwt.algorithms import OKPAlgorithm

from chassis.auth import ACCESS_TOKEN_TYPE, ALGORITHM, AUDIENCE
from chassis.clock import now
from identity.ports import Claims, KeyPair

_NONCE_BYTES = 12


class JwtSigner:
    def __init__(self, *, key_encryption_key: str, issuer: str) -> None:
        """`key_encryption_key`: base64 of 32 bytes.

        Raises:
            ValueError: it is not.
        """
        raw = base64.b64decode(key_encryption_key, validate=True)
        if len(raw) != 32:  # noqa: PLR2004  bytes of an AES-256 key
            raise ValueError("KEY_ENCRYPTION_KEY must be the base64 of 32 bytes: openssl rand -base64 32")
        self._seal = AESGCM(raw)
        self._issuer = issuer

    def new_key(self) -> KeyPair:
        private = Ed25519PrivateKey.generate()
        kid = uuid4().hex
        nonce = os.urandom(_NONCE_BYTES)
        # The key's id is authenticated too: a sealed key moved to another row does not open.
        sealed = nonce + self._seal.encrypt(nonce, private.private_bytes_raw(), kid.encode())
        jwk = json.loads(OKPAlgorithm.to_jwk(private.public_key()))
        return KeyPair(kid, sealed, {**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM})

    def sign(self, claims: Claims, *, key: KeyPair, lifetime: timedelta) -> str:
        raw = self._seal.decrypt(key.sealed[:_NONCE_BYTES], key.sealed[_NONCE_BYTES:], key.kid.encode())
        issued = now()
        payload: dict[str, Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(claims.user_id),
            "iat": issued,
            "nbf": issued,
            "exp": issued + lifetime,
            "jti": uuid4().hex,
            "tier": claims.tier,
            "sid": str(claims.session_id),
            "epoch": claims.token_epoch,
        }
        if claims.scope is not None:
            payload["scope"] = claims.scope
        headers = {"kid": key.kid, "typ": ACCESS_TOKEN_TYPE}
        return jwt.encode(payload, Ed25519PrivateKey.from_private_bytes(raw), algorithm=ALGORITHM, headers=headers)

    def public_key(self, jwk: dict[str, Any]) -> Any:
        return jwt.PyJWK.from_dict(jwk).key
