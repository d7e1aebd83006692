from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from identity.models import MfaChallenge, RecoveryCode, TotpFactor


async def get(session: AsyncSession, user_id: UUID) -> TotpFactor | None:
    return (await session.execute(select(TotpFactor).where(TotpFactor.user_id == user_id))).scalar_one_or_none()


async def is_enrolled(session: AsyncSession, user_id: UUID) -> bool:
    query = select(TotpFactor.user_id).where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_not(None))
    return (await session.execute(query)).scalar_one_or_none() is not None


async def lock_page(session: AsyncSession, *, after: UUID, limit: int) -> Sequence[TotpFactor]:
    """By user id. Rows that somebody changes right now are waited for, and then read as they are."""
    query = select(TotpFactor).where(TotpFactor.user_id > after).order_by(TotpFactor.user_id).limit(limit)
    return (await session.execute(query.with_for_update())).scalars().all()


async def add(session: AsyncSession, *, user_id: UUID, sealed: bytes) -> bool:
    """Begin, or begin anew with another secret. False: one is confirmed already, and stays."""
    statement = insert(TotpFactor).values(user_id=user_id, sealed=sealed)
    statement = statement.on_conflict_do_update(
        index_elements=[TotpFactor.user_id],
        set_={"sealed": statement.excluded.sealed, "created_at": func.now()},
        where=TotpFactor.confirmed_at.is_(None),
    )
    return (await session.execute(statement.returning(TotpFactor.user_id))).scalar_one_or_none() is not None


async def update_confirmed(session: AsyncSession, *, user_id: UUID, sealed: bytes, step: int) -> bool:
    """False: it was confirmed meanwhile, or begun anew with another secret."""
    statement = (
        update(TotpFactor)
        .where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_(None), TotpFactor.sealed == sealed)
        .values(confirmed_at=func.now(), last_step=step)
    )
    return (await session.execute(statement.returning(TotpFactor.user_id))).scalar_one_or_none() is not None


async def use_step(session: AsyncSession, *, user_id: UUID, step: int) -> bool:
    """Of many at once with the same code, one gets it. False: that step, or a later one, was used before."""
    unused = or_(TotpFactor.last_step.is_(None), TotpFactor.last_step < step)
    statement = (
        update(TotpFactor)
        .where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_not(None), unused)
        .values(last_step=step)
    )
    return (await session.execute(statement.returning(TotpFactor.user_id))).scalar_one_or_none() is not None


async def delete_all(session: AsyncSession, user_id: UUID) -> bool:
    """The app, the recovery codes, and the logins that wait for one of them. False: there was no app."""
    for model in (MfaChallenge, RecoveryCode):
        await session.execute(delete(model).where(model.user_id == user_id))
    statement = delete(TotpFactor).where(TotpFactor.user_id == user_id).returning(TotpFactor.user_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def replace_codes(session: AsyncSession, *, user_id: UUID, hashes: Sequence[bytes]) -> None:
    await session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
    await session.execute(insert(RecoveryCode).values(rows))


async def use_code(session: AsyncSession, *, user_id: UUID, code_hash: bytes) -> bool:
    statement = (
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=func.now())
    )
    return (await session.execute(statement.returning(RecoveryCode.user_id))).scalar_one_or_none() is not None


async def count_codes(session: AsyncSession, user_id: UUID) -> int:
    """Those that can still be used."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return (await session.execute(query)).scalar_one()


async def add_challenge(
    session: AsyncSession, *, token_hash: bytes, user_id: UUID, token_epoch: int, lifetime: timedelta
) -> None:
    values = {"token_hash": token_hash, "user_id": user_id, "token_epoch": token_epoch}
    await session.execute(insert(MfaChallenge).values(**values, expires_at=func.now() + lifetime))


async def get_challenge(session: AsyncSession, token_hash: bytes) -> MfaChallenge | None:
    """A live one."""
    query = select(MfaChallenge).where(MfaChallenge.token_hash == token_hash, MfaChallenge.expires_at > func.now())
    return (await session.execute(query)).scalar_one_or_none()


async def delete_challenge(session: AsyncSession, token_hash: bytes) -> bool:
    """False: somebody else was faster."""
    statement = delete(MfaChallenge).where(MfaChallenge.token_hash == token_hash).returning(MfaChallenge.user_id)
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def delete_expired_challenges(session: AsyncSession, *, limit: int) -> int:
    old = select(MfaChallenge.token_hash).where(MfaChallenge.expires_at < func.now()).limit(limit)
    statement = delete(MfaChallenge).where(MfaChallenge.token_hash.in_(old)).returning(MfaChallenge.user_id)
    return len((await session.execute(statement)).all())
