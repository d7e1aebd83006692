"""Links that open one document for a while, for somebody who sends no token: a browser's own download, a viewer.

A link says whose sight it lends, and of which session; whether that person still sees the document is asked at each
use. Nothing is stored: a keyed hash (HMAC-SHA-256) over it is what makes it believed.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from chassis.auth import Principal
from chassis.clock import now
from chassis.errors import NotFound
from ingest.errors import LINK_NOT_VALID

_VERSION = 1
_KEY_BYTES = 32
# Version, key id, document, user, session, token epoch, seconds since 1970.
_FORM = struct.Struct(">B4s16s16s16sIQ")
# Another use of the same key would not make a link.
_PURPOSE = b"growfit download link"


@dataclass(frozen=True, slots=True)
class Link:
    document_id: UUID
    user_id: UUID
    session_id: UUID
    token_epoch: int
    expires_at: datetime

    @property
    def principal(self) -> Principal:
        """Whoever made it. A link is nobody's right to anything else, so the tier is the least one."""
        return Principal(self.user_id, "user", self.session_id, self.token_epoch, frozenset())


class LinkSigner:
    """`keys`: base64 of 32 bytes each, divided by commas. The first one signs, all of them are believed.

    Raises:
        ValueError: one of them is not that.
    """

    def __init__(self, keys: str) -> None:
        raws = [_key(part) for part in keys.split(",")]
        self._current = _id(raws[0])
        self._keys = {_id(raw): raw for raw in raws}

    def sign(self, link: Link) -> str:
        payload = _FORM.pack(
            _VERSION,
            self._current,
            link.document_id.bytes,
            link.user_id.bytes,
            link.session_id.bytes,
            link.token_epoch,
            int(link.expires_at.timestamp()),
        )
        return base64.urlsafe_b64encode(payload + _mac(self._keys[self._current], payload)).rstrip(b"=").decode()

    def open(self, token: str) -> Link:
        """
        Raises:
            NotFound: expired, altered, or signed with a key that is not here; all the same to whoever asks.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            payload, mac = raw[: _FORM.size], raw[_FORM.size :]
            version, key_id, document, user, session, epoch, expires = _FORM.unpack(payload)
            link = Link(
                UUID(bytes=document), UUID(bytes=user), UUID(bytes=session), epoch, datetime.fromtimestamp(expires, UTC)
            )
        except (binascii.Error, ValueError, struct.error, OverflowError, OSError) as error:
            raise NotFound(LINK_NOT_VALID) from error
        key = self._keys.get(key_id)
        is_ours = version == _VERSION and key is not None and hmac.compare_digest(mac, _mac(key, payload))
        # base64 has several spellings of its last character; only ours is one of our links.
        if not is_ours or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token or link.expires_at <= now():
            raise NotFound(LINK_NOT_VALID)
        return link


def _key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError("LINK_SIGNING_KEY must be the base64 of 32 bytes: openssl rand -base64 32")
    return raw


def _id(raw: bytes) -> bytes:
    return hashlib.sha256(b"growfit link key id" + raw).digest()[:4]


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + payload, "sha256")
