from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, delete, func, select, text, type_coerce
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.ids import new_id
from org_partner.crud.scopes import AnyScope, PlatformScope, place_of
from org_partner.models import SentLetter

# In the order in which they are given, so that no two wait for each other.
_LOCK = text("""SELECT pg_advisory_xact_lock(hashtextextended('letter:' || key, 0))
    FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS given(key, place) ORDER BY place""")


async def lock(session: AsyncSession, scope: AnyScope) -> None:
    """One that counts the org's letters at a time, until the end of the transaction."""
    await session.execute(_LOCK, {"keys": [_sender(scope)]})


async def lock_addresses(session: AsyncSession, _scope: AnyScope, hashes: Collection[bytes]) -> None:
    """As `lock`, of letters to these addresses, whichever org writes them. After the org's own."""
    await session.execute(_LOCK, {"keys": sorted(address.hex() for address in hashes)})


async def get_wait(
    session: AsyncSession, scope: AnyScope, *, partner_id: UUID | None, limit: int, window: timedelta
) -> timedelta | None:
    """How long until the org, or with an id this partner of it, may write again; None: now."""
    query = (
        select(type_coerce(SentLetter.sent_at + window - func.clock_timestamp(), Interval))
        .where(_by(scope, partner_id), SentLetter.sent_at > func.clock_timestamp() - window)
        .order_by(SentLetter.sent_at.desc())
        .offset(limit - 1)
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def count(session: AsyncSession, scope: AnyScope, *, partner_id: UUID | None, window: timedelta) -> int:
    """Of the org, or with an id of this partner of it."""
    query = select(func.count()).select_from(SentLetter).where(_by(scope, partner_id))
    query = query.where(SentLetter.sent_at > func.clock_timestamp() - window)
    return (await session.execute(query)).scalar_one()


async def list_waits(
    session: AsyncSession, _scope: AnyScope, hashes: Collection[bytes], *, limit: int, window: timedelta
) -> dict[bytes, timedelta]:
    """Of those addresses that get no letter now: how long until they may get one, whichever org writes it."""
    place = func.row_number().over(partition_by=SentLetter.address_hash, order_by=SentLetter.sent_at.desc())
    recent = (
        select(SentLetter.address_hash, SentLetter.sent_at, place.label("place"))
        .where(SentLetter.address_hash.in_(hashes), SentLetter.sent_at > func.clock_timestamp() - window)
        .subquery()
    )
    wait = type_coerce(recent.c.sent_at + window - func.clock_timestamp(), Interval)
    query = select(recent.c.address_hash, wait).where(recent.c.place == limit)
    return {address: left for address, left in await session.execute(query)}  # noqa: C416  a Row is no pair to `dict`


async def add_many(session: AsyncSession, scope: AnyScope, hashes: Sequence[bytes]) -> None:
    sender = {"sender": _sender(scope), "partner_id": place_of(scope)["partner_id"]}
    rows = [{"letter_id": new_id(), "address_hash": address, **sender} for address in hashes]
    # Not now(): that is when the transaction began, and this one may have waited for its turn.
    await session.execute(insert(SentLetter).values(sent_at=func.clock_timestamp()), rows)


async def delete_old(session: AsyncSession, _scope: PlatformScope, *, window: timedelta) -> None:
    await session.execute(delete(SentLetter).where(SentLetter.sent_at <= func.clock_timestamp() - window))


def _by(scope: AnyScope, partner_id: UUID | None) -> ColumnElement[bool]:
    by = SentLetter.sender == _sender(scope)
    return by if partner_id is None else by & (SentLetter.partner_id == partner_id)


def _sender(scope: AnyScope) -> str:
    return f"org:{scope.org_id}"
