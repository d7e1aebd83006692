"""Refresh tokens: 256 random bits, then a chain by HMAC, whose key must stay secret. Only digests are stored."""

import base64
import hashlib
import hmac
import secrets

from chassis.sealing import keys_of


class HmacRefreshSecrets:
    def __init__(self, *, key_encryption_key: str) -> None:
        # The first of the keys: tokens outlive its change, but for one that is used twice within that moment.
        root = keys_of(key_encryption_key)[0]
        self._key = hmac.digest(root, b"growfit refresh chain", "sha256")

    def first(self) -> str:
        return _text(secrets.token_bytes(32))

    def successor(self, token: str) -> str:
        return _text(hmac.digest(self._key, token.encode(), "sha256"))

    def digest(self, token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
