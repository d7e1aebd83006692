"""Secrets at rest: AES-256-GCM in an envelope. Each secret has a data key, which the key-encryption key wraps.

A sealed record is bound to what it belongs to (its additional authenticated data): moved to another row, it does not
open. It names the key that wrapped it, so that keys can be changed while old records stay readable.
"""

import base64
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_ID_BYTES = 8
_VERSION = b"\x01"
_WRAPPED_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES


class SealBroken(Exception):
    """The record was altered, belongs to something else, or was sealed with a key that is not here."""


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a change of the key-encryption key came to, in records.

    `current`: sealed with the first key already. `broken`: opened by none; their owners must set them anew.
    """

    rewrapped: int = 0
    current: int = 0
    broken: int = 0

    def __add__(self, other: "Rewrapped") -> "Rewrapped":
        return Rewrapped(self.rewrapped + other.rewrapped, self.current + other.current, self.broken + other.broken)


def keys_of(text: str) -> list[bytes]:
    """KEY_ENCRYPTION_KEY: base64 of 32 bytes each, divided by commas. The first one is today's.

    Raises:
        ValueError: one of them is not that.
    """
    return [_key(part) for part in text.split(",")]


class Sealer:
    """`keys`: as `keys_of` takes them. The first one seals; all of them open.

    Raises:
        ValueError: one of them is not that.
    """

    def __init__(self, keys: str) -> None:
        raws = keys_of(keys)
        self._current = _id(raws[0])
        self._keys = {_id(raw): AESGCM(raw) for raw in raws}

    def seal(self, secret: str, *, bound_to: str) -> bytes:
        """Version, key id, wrapped data key, sealed secret. `bound_to` is not in it and must be given again."""
        data_key = AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
        head = _VERSION + self._current
        aad = head + bound_to.encode()
        wrapped = _encrypt(self._keys[self._current], data_key, aad)
        return head + wrapped + _encrypt(AESGCM(data_key), secret.encode(), aad)

    def open(self, record: bytes, *, bound_to: str) -> str:
        """
        Raises:
            SealBroken: it does not open.
        """
        head = record[: 1 + _ID_BYTES]
        key = self._keys.get(head[1:])
        if head[:1] != _VERSION or key is None:
            raise SealBroken("sealed with a key that is not here")
        aad = head + bound_to.encode()
        try:
            data_key = _decrypt(key, record[len(head) : len(head) + _WRAPPED_BYTES], aad)
            return _decrypt(AESGCM(data_key), record[len(head) + _WRAPPED_BYTES :], aad).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken("altered, or another row's") from error

    def is_current(self, record: bytes) -> bool:
        """False: sealed with an older key; open it and seal it again."""
        return record[1 : 1 + _ID_BYTES] == self._current


def _key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError("KEY_ENCRYPTION_KEY must be the base64 of 32 bytes: openssl rand -base64 32")
    return raw


def _id(raw: bytes) -> bytes:
    return hashlib.sha256(b"growfit key id" + raw).digest()[:_ID_BYTES]


def _encrypt(key: AESGCM, plain: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, aad)


def _decrypt(key: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
