"""EdDSA access tokens (RFC 8037, RFC 9068) and the keys that sign them, sealed with AES-256-GCM at rest."""

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from chassis.auth import ACCESS_TOKEN_TYPE, ALGORITHM, AUDIENCE
from chassis.clock import now
from chassis.sealing import Sealer
from identity.ports import Claims, KeyPair


def bound_to(kid: str) -> str:
    """What a private key is sealed for: moved to another row, it does not open."""
    return f"signing_key:{kid}"


class JwtSigner:
    def __init__(self, *, key_encryption_key: str, issuer: str) -> None:
        """`key_encryption_key`: as `chassis.sealing.keys_of` takes it. The first one seals; all of them open.

        Raises:
            ValueError: it is not that.
        """
        self._sealer = Sealer(key_encryption_key)
        self._issuer = issuer

    def new_key(self) -> KeyPair:
        private = Ed25519PrivateKey.generate()
        kid = uuid4().hex
        raw = base64.b64encode(private.private_bytes_raw()).decode()
        sealed = self._sealer.seal(raw, bound_to=bound_to(kid))
        jwk = json.loads(OKPAlgorithm.to_jwk(private.public_key()))
        return KeyPair(kid, sealed, {**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM})

    def sign(self, claims: Claims, *, key: KeyPair, lifetime: timedelta) -> str:
        """
        Raises:
            SealBroken: the key was altered, is another row's, or was sealed with a key that is not here.
        """
        raw = self._sealer.open(key.sealed, bound_to=bound_to(key.kid))
        private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(raw))
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
