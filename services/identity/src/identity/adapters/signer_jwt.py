"""EdDSA access tokens (RFC 8037, RFC 9068) and the keys that sign them, sealed with AES-256-GCM at rest."""

import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwt.algorithms import OKPAlgorithm

from chassis.auth import ACCESS_TOKEN_TYPE, ALGORITHM, AUDIENCE
from chassis.clock import now
from chassis.sealing import keys_of
from identity.ports import Claims, KeyPair

_NONCE_BYTES = 12


class JwtSigner:
    def __init__(self, *, key_encryption_key: str, issuer: str) -> None:
        """`key_encryption_key`: as `chassis.sealing.keys_of` takes it. The first one seals; all of them open.

        Raises:
            ValueError: it is not that.
        """
        self._seals = [AESGCM(raw) for raw in keys_of(key_encryption_key)]
        self._issuer = issuer

    def new_key(self) -> KeyPair:
        private = Ed25519PrivateKey.generate()
        kid = uuid4().hex
        nonce = os.urandom(_NONCE_BYTES)
        # The key's id is authenticated too: a sealed key moved to another row does not open.
        sealed = nonce + self._seals[0].encrypt(nonce, private.private_bytes_raw(), kid.encode())
        jwk = json.loads(OKPAlgorithm.to_jwk(private.public_key()))
        return KeyPair(kid, sealed, {**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM})

    def sign(self, claims: Claims, *, key: KeyPair, lifetime: timedelta) -> str:
        private = Ed25519PrivateKey.from_private_bytes(self._open(key))
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
        return jwt.encode(payload, private, algorithm=ALGORITHM, headers=headers)

    def public_key(self, jwk: dict[str, Any]) -> Any:
        return jwt.PyJWK.from_dict(jwk).key

    def _open(self, key: KeyPair) -> bytes:
        """
        Raises:
            InvalidTag: it was altered, is another row's, or was sealed with a key that is not here.
        """
        nonce, sealed = key.sealed[:_NONCE_BYTES], key.sealed[_NONCE_BYTES:]
        for seal in self._seals:
            with suppress(InvalidTag):
                return seal.decrypt(nonce, sealed, key.kid.encode())
        raise InvalidTag
