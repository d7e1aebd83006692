"""Many documents in one request; each answers for itself, and what is done stays done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from chassis.auth import Principal
from chassis.errors import GrowFitError, Unauthenticated
from ingest.service.deletion import DeletionService
from ingest.service.documents import Document
from ingest.service.intake import Incoming
from ingest.service.uploads import UploadService

_DELETED_AT_ONCE = 4


@dataclass(frozen=True)
class Taken:
    """`document`, or what it was refused for. `file_name` as it was sent; None: the form itself is at an end."""

    file_name: str | None
    document: Document | None = None
    refusal: GrowFitError | None = None


@dataclass(frozen=True)
class Gone:
    document_id: UUID
    receipt: dict[str, Any] | None = None
    refusal: GrowFitError | None = None


class Files(Protocol):
    """The files of a form, one after the other; what is not read of one is passed over."""

    async def next_file(self) -> str | None:
        """The next one's name; None: there is none. Raises Invalid, TooLarge."""
        ...

    def content(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, kw_only=True)
class Choices:
    """For all files alike."""

    class_id: UUID | None = None
    shared: bool = False
    allow_duplicate: bool = False


class BulkService:
    """`most_files`, `most_bytes`: of one upload."""

    def __init__(self, uploads: UploadService, deletion: DeletionService, *, most_files: int, most_bytes: int) -> None:
        self._uploads = uploads
        self._deletion = deletion
        self.most_files = most_files
        self.most_bytes = most_bytes

    async def upload(self, user_id: UUID, files: Files, choices: Choices) -> list[Taken]:
        """In the order of the form. A form that is refused in its middle ends the list with why.

        Raises:
            NotFound, Forbidden: no such class for this user, or sharing is not theirs.
            Invalid, TooLarge: the form is refused before any file of it was read.
            Unauthenticated: the user was erased meanwhile.
        """
        await self._uploads.check_place(user_id, class_id=choices.class_id, shared=choices.shared)
        taken: list[Taken] = []
        try:
            while (name := await files.next_file()) is not None:
                taken.append(await self._take(user_id, name, files, choices))
        except GrowFitError as error:
            if not taken or isinstance(error, Unauthenticated):
                raise
            taken.append(Taken(None, refusal=error))
        return taken

    async def _take(self, user_id: UUID, name: str, files: Files, choices: Choices) -> Taken:
        incoming = Incoming(
            file_name=name,
            content=files.content(),
            class_id=choices.class_id,
            shared=choices.shared,
            allow_duplicate=choices.allow_duplicate,
        )
        try:
            return Taken(name, await self._uploads.upload(user_id, incoming))
        except Unauthenticated:
            raise
        except GrowFitError as refusal:
            return Taken(name, refusal=refusal)

    async def delete(self, caller: Principal, document_ids: Sequence[UUID]) -> list[Gone]:
        """In the order that was asked for; an id that stands there twice is deleted once and answered twice."""
        turn = asyncio.Semaphore(_DELETED_AT_ONCE)
        different = list(dict.fromkeys(document_ids))
        gone = await asyncio.gather(*(self._delete(caller, each, turn) for each in different))
        by_id = dict(zip(different, gone, strict=True))
        return [by_id[each] for each in document_ids]

    async def _delete(self, caller: Principal, document_id: UUID, turn: asyncio.Semaphore) -> Gone:
        async with turn:
            try:
                return Gone(document_id, await self._deletion.delete(caller, document_id))
            except GrowFitError as refusal:
                return Gone(document_id, refusal=refusal)
