"""A file on its way into the storage: measured, hashed and recognised while it streams, refused before it is whole.

Its key stands in `pending_objects` until a document has it, so that whatever is cut off leaves nothing.
"""

import hashlib
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from uuid import UUID

from chassis.auth import Guard
from chassis.database import Database
from chassis.errors import GrowFitError, Invalid, TooLarge, Unavailable
from chassis.tenant import Context
from ingest.crud import pending_objects
from ingest.errors import DOCUMENT_EMPTY, DOCUMENT_TOO_LARGE, DOCUMENT_TOO_SMALL, HASH_MISMATCH
from ingest.ports import Storage
from ingest.service import media_types

# Nothing of this size is a document; a slip of the mouse is.
MIN_BYTES = 8
MAX_TITLE = 200
MIB = 1024**2


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A file on its way in. `size_hint`: what the request says of its size, for refusing early.

    `sha256`: what it must be; None: nobody said. `document_id`: of the document that it becomes.
    """

    file_name: str
    content: AsyncIterator[bytes]
    size_hint: int | None = None
    class_id: UUID | None = None
    shared: bool = False
    allow_duplicate: bool = False
    sha256: str | None = None
    document_id: UUID | None = None


class Measure:
    """Passes the stream on and knows its size, hash and first bytes afterwards."""

    def __init__(self, incoming: Incoming, *, limit: int, allowed: frozenset[str]) -> None:
        self._content = incoming.content
        self._file_name = incoming.file_name
        self._expected = incoming.sha256
        self._limit = limit
        self._allowed = allowed
        self._hash = hashlib.sha256()
        self._sample = b""
        self.size = 0
        self.media_type: str | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        async for piece in self._content:
            self.size += len(piece)
            if self.size > self._limit:
                raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=self._limit // MIB)
            self._hash.update(piece)
            if self.media_type is None:
                # Nothing is stored before the type is known.
                held.append(piece)
                self._sample += piece
                if len(self._sample) < media_types.SAMPLE_BYTES:
                    continue
                self._decide()
                piece = b"".join(held)  # noqa: PLW2901  what was held goes first
            yield piece
        if self.media_type is None:
            self._decide()
            yield b"".join(held)
        # Before the stream ends, so that nothing of it is stored.
        if self._expected not in (None, self.sha256):
            raise Invalid(HASH_MISMATCH)

    def _decide(self) -> None:
        if self.size == 0:
            raise Invalid(DOCUMENT_EMPTY)
        if self.size < MIN_BYTES:
            raise Invalid(DOCUMENT_TOO_SMALL, size_bytes=self.size)
        sample, name = self._sample[: media_types.SAMPLE_BYTES], clean_name(self._file_name)
        self.media_type = media_types.decide(sample, name, allowed=self._allowed)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


class Intake:
    """`max_bytes`: what the operator allows at most, whatever the platform is set to."""

    def __init__(self, database: Database, storage: Storage, platform: Guard, *, max_bytes: int) -> None:
        self._database = database
        self._storage = storage
        self._platform = platform
        self._max_bytes = max_bytes

    async def max_size(self) -> int:
        """The largest file that is taken, in bytes."""
        return min(self._max_bytes, int(await self._platform.value("api.upload_max_bytes")))

    async def measure(self, incoming: Incoming) -> Measure:
        """What the file will go through. Raises TooLarge: it says itself that it is."""
        limit = await self.max_size()
        if incoming.size_hint is not None and incoming.size_hint > limit + MIB:
            raise TooLarge(DOCUMENT_TOO_LARGE, limit_mib=limit // MIB)
        allowed = frozenset(await self._platform.value("api.allowed_types"))
        return Measure(incoming, limit=limit, allowed=allowed)

    async def store(self, key: str, measure: Measure, context: Context) -> None:
        """Under a key that is pending.

        Raises:
            Invalid, TooLarge, UnsupportedMedia: the file cannot be a document; nothing of it is kept.
            Unavailable: the storage; whatever is there, the sweep finds.
        """
        try:
            await self._storage.put(key, measure.pieces())
        except Unavailable:
            # It may be there all the same: the sweep looks.
            raise
        except GrowFitError:
            await self.forget(key, context)
            raise

    async def drop(self, key: str, context: Context) -> None:
        """Delete a file that no document has. Raises Unavailable: the sweep does it then."""
        await self._storage.delete(key)
        await self.forget(key, context)

    async def forget(self, key: str, context: Context) -> None:
        """Nothing is stored under this key. What is not forgotten now, the sweep forgets."""
        with suppress(Unavailable):
            async with self._database.transaction(context) as session:
                await pending_objects.delete_all(session, [key])


def clean_title(file_name: str) -> str:
    """The name as people see it: no folders, no control or direction-changing characters, not too long."""
    return clean_name(file_name)[:MAX_TITLE].rstrip() or "untitled"


def clean_name(file_name: str) -> str:
    # macOS sends Hangul in pieces (NFD), which nobody would find by typing it.
    name = unicodedata.normalize("NFC", PurePath(file_name.replace("\\", "/")).name)
    kept = (" " if character.isspace() else character for character in name)
    name = " ".join("".join(character for character in kept if character.isprintable()).split())
    # Dots alone are folders, not names.
    return name if name.strip(".") else ""
