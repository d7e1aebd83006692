from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import paging
from chassis.paging import Slice
from ingest.models import OPEN, ReadRule, Stage, VectorCheck, VectorMigration, Verdict


async def add(session: AsyncSession, **values: Any) -> VectorMigration:
    migration = VectorMigration(**values)
    session.add(migration)
    await session.flush()
    await session.refresh(migration)
    return migration


async def get(session: AsyncSession, migration_id: UUID) -> VectorMigration | None:
    return await session.get(VectorMigration, migration_id)


async def get_for_update(session: AsyncSession, migration_id: UUID) -> VectorMigration | None:
    query = select(VectorMigration).where(VectorMigration.migration_id == migration_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def list_page(session: AsyncSession, page: Slice, *, stage: Stage | None) -> list[VectorMigration]:
    query = select(VectorMigration)
    if stage is not None:
        query = query.where(VectorMigration.stage == stage)
    at, key = VectorMigration.created_at.expression, VectorMigration.migration_id.expression
    return list((await session.execute(paging.apply(query, page, at=at, key=key))).scalars())


async def list_in_for_update(session: AsyncSession, stage: Stage) -> list[VectorMigration]:
    """Those that no other worker has at this moment."""
    query = select(VectorMigration).where(VectorMigration.stage == stage).order_by(VectorMigration.migration_id)
    return list((await session.execute(query.with_for_update(skip_locked=True))).scalars())


async def get_leased(session: AsyncSession, migration: VectorMigration) -> VectorMigration:
    """The row, locked. Raises LookupError: the lease has gone to somebody else."""
    row = await get_for_update(session, migration.migration_id)
    if row is None or row.lease_id != migration.lease_id:
        raise LookupError(migration.migration_id)
    return row


async def list_retiring(session: AsyncSession, index_id: str) -> list[VectorMigration]:
    """Those that this index is being dropped or restored for."""
    query = select(VectorMigration).where(
        VectorMigration.stage.in_((Stage.DROPPING, Stage.RESTORING)),
        VectorMigration.backup["index_id"].astext == index_id,
    )
    return list((await session.execute(query)).scalars())


async def list_with_backup_before(session: AsyncSession, moment: datetime) -> list[VectorMigration]:
    """Those whose index was written to a file before `moment`, also of one that was restored since; none at work."""
    query = select(VectorMigration).where(
        VectorMigration.stage.not_in((Stage.DROPPING, Stage.RESTORING)),
        VectorMigration.backup.has_key("key"),
        VectorMigration.backup["written_at"].astext < moment.isoformat(),
    )
    return list((await session.execute(query.with_for_update(skip_locked=True))).scalars())


async def list_open_to(session: AsyncSession, target_id: str) -> list[VectorMigration]:
    query = select(VectorMigration).where(VectorMigration.target_id == target_id, VectorMigration.stage.in_(OPEN))
    return list((await session.execute(query)).scalars())


async def list_open_to_for_update(session: AsyncSession, target_id: str) -> list[VectorMigration]:
    query = select(VectorMigration).where(VectorMigration.target_id == target_id, VectorMigration.stage.in_(OPEN))
    return list((await session.execute(query.with_for_update())).scalars())


async def list_open(session: AsyncSession) -> list[VectorMigration]:
    """In the order of their making: of two whose routes name somebody, the earlier one has them."""
    query = select(VectorMigration).where(VectorMigration.stage.in_(OPEN))
    return list((await session.execute(query.order_by(VectorMigration.migration_id))).scalars())


async def take_work(session: AsyncSession, stages: Collection[Stage], *, lasting: timedelta) -> VectorMigration | None:
    """One that is in one of these stages and in nobody's hands: leased now."""
    free = or_(VectorMigration.lease_id.is_(None), VectorMigration.leased_until < func.clock_timestamp())
    query = (
        select(VectorMigration)
        .where(VectorMigration.stage.in_(stages), free)
        .order_by(VectorMigration.migration_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    migration = (await session.execute(query)).scalar_one_or_none()
    if migration is not None:
        migration.lease_id = uuid4()
        migration.leased_until = (await session.execute(select(func.clock_timestamp() + lasting))).scalar_one()
    return migration


async def extend_lease(session: AsyncSession, migration: VectorMigration, *, by: timedelta) -> bool:
    """False: somebody else has it now."""
    held = (VectorMigration.migration_id == migration.migration_id, VectorMigration.lease_id == migration.lease_id)
    statement = update(VectorMigration).where(*held).values(leased_until=func.clock_timestamp() + by)
    extended = await session.execute(statement.returning(VectorMigration.migration_id))
    return extended.scalar_one_or_none() is not None


async def release(session: AsyncSession, migration: VectorMigration) -> None:
    await _update_held(session, migration, lease_id=None, leased_until=None)


async def put_off(session: AsyncSession, migration: VectorMigration, *, by: timedelta, error: str) -> None:
    """Nobody takes it up for so long, and others come before it."""
    await _update_held(session, migration, leased_until=func.clock_timestamp() + by, error=error)


async def _update_held(session: AsyncSession, migration: VectorMigration, **values: Any) -> None:
    held = (VectorMigration.migration_id == migration.migration_id, VectorMigration.lease_id == migration.lease_id)
    await session.execute(update(VectorMigration).where(*held).values(**values))


async def add_check(session: AsyncSession, migration_id: UUID) -> VectorCheck:
    check = VectorCheck(check_id=uuid4(), migration_id=migration_id)
    session.add(check)
    await session.flush()
    await session.refresh(check)
    return check


async def get_check(session: AsyncSession, migration_id: UUID, check_id: UUID | None = None) -> VectorCheck | None:
    """One, or the newest."""
    query = select(VectorCheck).where(VectorCheck.migration_id == migration_id)
    if check_id is not None:
        query = query.where(VectorCheck.check_id == check_id)
    query = query.order_by(VectorCheck.created_at.desc(), VectorCheck.check_id).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def list_checks(session: AsyncSession, migration_id: UUID, page: Slice) -> list[VectorCheck]:
    query = select(VectorCheck).where(VectorCheck.migration_id == migration_id)
    at, key = VectorCheck.created_at.expression, VectorCheck.check_id.expression
    return list((await session.execute(paging.apply(query, page, at=at, key=key))).scalars())


async def take_check(session: AsyncSession) -> VectorCheck | None:
    """One that was asked for; one whose worker died is asked for again by `reask_checks`."""
    query = select(VectorCheck).where(VectorCheck.verdict == Verdict.ASKED).order_by(VectorCheck.created_at)
    check = (await session.execute(query.limit(1).with_for_update(skip_locked=True))).scalar_one_or_none()
    if check is not None:
        check.verdict, check.progress = Verdict.RUNNING.value, 0.0
        check.run_id = uuid4()
        check.began_at = check.noted_at = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return check


async def update_check(session: AsyncSession, check: VectorCheck, **values: Any) -> bool:
    """False: another run has it, because this one was believed dead."""
    statement = (
        update(VectorCheck)
        .where(
            VectorCheck.check_id == check.check_id,
            VectorCheck.run_id == check.run_id,
            VectorCheck.verdict == Verdict.RUNNING,
        )
        .values(noted_at=func.clock_timestamp(), **values)
        .returning(VectorCheck.check_id)
    )
    return (await session.execute(statement)).scalar_one_or_none() is not None


async def reask_checks(session: AsyncSession, *, older_than: timedelta) -> None:
    """A running check notes its progress; one that has not for so long has no worker any more."""
    dead = (VectorCheck.verdict == Verdict.RUNNING, VectorCheck.noted_at < func.now() - older_than)
    await session.execute(update(VectorCheck).where(*dead).values(verdict=Verdict.ASKED.value, run_id=None))


async def get_rule_for_update(session: AsyncSession) -> ReadRule:
    await session.execute(insert(ReadRule).values(row_id=1).on_conflict_do_nothing())
    query = select(ReadRule).with_for_update().execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one()
