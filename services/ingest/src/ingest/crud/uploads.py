"""Uploads that come in several requests."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from ingest.models import Upload, UploadState


async def add(session: AsyncSession, **values: Any) -> Upload:
    return (await session.execute(insert(Upload).values(**values).returning(Upload))).scalar_one()


async def get(session: AsyncSession, upload_id: UUID, *, owner_id: UUID) -> Upload | None:
    query = select(Upload).where(Upload.upload_id == upload_id, Upload.owner_id == owner_id)
    return (await session.execute(query)).scalar_one_or_none()


async def get_for_update(session: AsyncSession, upload_id: UUID, *, owner_id: UUID) -> Upload | None:
    query = select(Upload).where(Upload.upload_id == upload_id, Upload.owner_id == owner_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def lock_owner(session: AsyncSession, owner_id: UUID) -> None:
    """Held to the end of the transaction, so that two do not both take the last place."""
    key = func.hashtextextended(f"ingest.uploads/{owner_id}", 0)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


async def count_open(session: AsyncSession, owner_id: UUID, *, at: datetime) -> int:
    query = select(func.count()).select_from(Upload)
    query = query.where(Upload.owner_id == owner_id, Upload.state == UploadState.OPEN, Upload.expires_at > at)
    return (await session.execute(query)).scalar_one()


async def list_expired(session: AsyncSession, *, before: datetime, limit: int) -> list[UUID]:
    query = select(Upload.upload_id).where(Upload.expires_at < before).order_by(Upload.expires_at).limit(limit)
    return list((await session.execute(query)).scalars())


async def delete_all(session: AsyncSession, upload_ids: Collection[UUID]) -> None:
    await session.execute(delete(Upload).where(Upload.upload_id.in_(upload_ids)))


async def count_named(session: AsyncSession, owner_id: UUID) -> int:
    """Those of which there is more than ids and sizes."""
    query = select(func.count()).select_from(Upload).where(Upload.owner_id == owner_id, Upload.file_name != "")
    return (await session.execute(query)).scalar_one()


async def give_up_of_owner(session: AsyncSession, owner_id: UUID) -> list[UUID]:
    """Of all that a user began: no name stays, and nothing more comes of it."""
    ended = {"state": UploadState.GIVEN_UP.value, "file_name": "", "sha256": None, "refusal": None}
    statement = update(Upload).where(Upload.owner_id == owner_id).values(**ended).returning(Upload.upload_id)
    return list((await session.execute(statement)).scalars())
