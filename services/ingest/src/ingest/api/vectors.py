"""Moving vector indexes, for supervisors."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.locale import locale_of
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from ingest.api.proof_page import render
from ingest.api.wired import Services
from ingest.schemas.vectors import (
    CheckOut,
    FinaliseIn,
    IndexOut,
    LagOut,
    MigrationOut,
    PlanIn,
    RateIn,
    ReportOut,
    ShadowIn,
    StatusOut,
    SwitchIn,
)
from ingest.service.indexing import IndexName
from ingest.service.migrations import Stage, Status

router = APIRouter(prefix="/vectors", tags=["vectors"])

_ERRORS = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)
_ONE = responses(*_ERRORS, NotFound)
_ACT = responses(*_ERRORS, NotFound, Conflict)


@router.get("/indexes", responses=responses(*_ERRORS))
async def list_indexes(caller: Caller, services: Services) -> list[IndexOut]:
    """Every index that this installation has or had. They are few."""
    return [IndexOut.model_validate(each) for each in await services.migrations.list_indexes(caller)]


@router.post("/migrations", status_code=201, responses=responses(*_ERRORS, Conflict))
async def plan_migration(body: PlanIn, caller: Caller, services: Services) -> MigrationOut:
    """Plan a move from the primary index to another. Nothing happens until it is started."""
    target = IndexName.parse(body.target)
    return MigrationOut.model_validate(await services.migrations.plan(caller, target, rate=body.rate))


@router.get("/migrations", responses=responses(*_ERRORS))
async def list_migrations(
    caller: Caller,
    services: Services,
    page: PageSlice,
    stage: Annotated[Stage | None, Query(examples=["backfilling"])] = None,
) -> Page[MigrationOut]:
    """Newest first."""
    rows = await services.migrations.list_page(caller, page, stage=stage)
    return page_of(rows, page, place=lambda row: (row.created_at, row.migration_id), item=MigrationOut.model_validate)


@router.get("/migrations/{migration_id}", responses=_ONE)
async def read_migration(migration_id: UUID, caller: Caller, services: Services) -> StatusOut:
    """Where it stands, how much is left, and what the target was not told of."""
    return _status(await services.migrations.status(caller, migration_id))


@router.patch("/migrations/{migration_id}", responses=_ACT)
async def pace_migration(migration_id: UUID, body: RateIn, caller: Caller, services: Services) -> MigrationOut:
    """Bring more or fewer documents a second."""
    return MigrationOut.model_validate(await services.migrations.set_rate(caller, migration_id, rate=body.rate))


@router.post("/migrations/{migration_id}/start", responses=_ACT)
async def start_migration(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    """Write both indexes from now on, and bring to the target what there is."""
    return MigrationOut.model_validate(await services.migrations.start(caller, migration_id))


@router.post("/migrations/{migration_id}/pause", responses=_ACT)
async def pause_migration(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    """Let the target wait. What changes meanwhile is told when it goes on."""
    return MigrationOut.model_validate(await services.migrations.pause(caller, migration_id, paused=True))


@router.post("/migrations/{migration_id}/resume", responses=_ACT)
async def resume_migration(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    return MigrationOut.model_validate(await services.migrations.pause(caller, migration_id, paused=False))


@router.post("/migrations/{migration_id}/verify", status_code=202, responses=_ACT)
async def verify_migration(migration_id: UUID, caller: Caller, services: Services) -> CheckOut:
    """Ask for a proof that the target holds, finds and shows exactly what it should. Its report tells the outcome."""
    return CheckOut.model_validate(await services.migrations.verify(caller, migration_id))


@router.get("/migrations/{migration_id}/checks", responses=_ONE)
async def list_checks(migration_id: UUID, caller: Caller, services: Services, page: PageSlice) -> Page[CheckOut]:
    """Newest first."""
    rows = await services.migrations.list_checks(caller, migration_id, page)
    return page_of(rows, page, place=lambda row: (row.created_at, row.check_id), item=CheckOut.model_validate)


@router.get("/migrations/{migration_id}/checks/{check_id}", responses=_ONE)
async def read_check(migration_id: UUID, check_id: UUID, caller: Caller, services: Services) -> ReportOut:
    """The report of one proof."""
    return ReportOut.model_validate(await services.migrations.check(caller, migration_id, check_id))


@router.get("/migrations/{migration_id}/checks/{check_id}/page", response_class=HTMLResponse, responses=_ONE)
async def read_check_page(
    migration_id: UUID, check_id: UUID, request: Request, caller: Caller, services: Services
) -> HTMLResponse:
    """The same as a page to read."""
    check = await services.migrations.check(caller, migration_id, check_id)
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(render(check, locale_of(request)), headers=headers)


@router.post("/migrations/{migration_id}/shadow", responses=_ACT)
async def shadow_migration(migration_id: UUID, body: ShadowIn, caller: Caller, services: Services) -> MigrationOut:
    """Ask the target too, for a share of the searches, and only compare."""
    return MigrationOut.model_validate(await services.migrations.shadow(caller, migration_id, share=body.share))


@router.post("/migrations/{migration_id}/switch", responses=_ACT)
async def switch_migration(migration_id: UUID, body: SwitchIn, caller: Caller, services: Services) -> MigrationOut:
    """Let searches read the target: everybody's, those of some orgs, those of a share of the users."""
    switched = await services.migrations.switch(
        caller, migration_id, everybody=body.everybody, org_ids=body.org_ids, share=body.share
    )
    return MigrationOut.model_validate(switched)


@router.post("/migrations/{migration_id}/rollback", responses=_ACT)
async def roll_migration_back(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    """Let all searches read the source again, at once. Both go on being written."""
    return MigrationOut.model_validate(await services.migrations.rollback(caller, migration_id))


@router.post("/migrations/{migration_id}/finalise", responses=_ACT)
async def finalise_migration(migration_id: UUID, body: FinaliseIn, caller: Caller, services: Services) -> MigrationOut:
    """Make the target the primary index. The source is written no more, and cannot be gone back to."""
    return MigrationOut.model_validate(await services.migrations.finalise(caller, migration_id, early=body.early))


@router.post("/migrations/{migration_id}/cancel", responses=_ACT)
async def cancel_migration(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    """Give it up. The target is written no more."""
    return MigrationOut.model_validate(await services.migrations.cancel(caller, migration_id))


@router.post("/migrations/{migration_id}/drop", status_code=202, responses=_ACT)
async def drop_index(
    migration_id: UUID,
    caller: Caller,
    services: Services,
    *,
    lost: Annotated[
        bool, Query(description="Its server is gone for good: forget it, without a backup", examples=[False])
    ] = False,
) -> MigrationOut:
    """Remove the index that is needed no more, after a backup of it."""
    return MigrationOut.model_validate(await services.migrations.drop(caller, migration_id, lost=lost))


@router.post("/migrations/{migration_id}/restore", status_code=202, responses=_ACT)
async def restore_index(migration_id: UUID, caller: Caller, services: Services) -> MigrationOut:
    """Make the dropped index again from its backup."""
    return MigrationOut.model_validate(await services.migrations.restore(caller, migration_id))


def _status(status: Status) -> StatusOut:
    migration = status.migration
    missing = status.due + status.left
    is_moving = migration.stage == Stage.BACKFILLING and not migration.is_paused
    return StatusOut(
        **MigrationOut.model_validate(migration).model_dump(),
        documents=status.documents,
        told=status.told,
        due=status.due,
        left=status.left,
        behind_seconds=round(status.behind_seconds, 1),
        to_embed=status.to_embed,
        progress=round(min(status.told / status.documents, 1.0), 4) if status.documents else 1.0,
        eta_seconds=-(-missing // migration.rate) if is_moving else None,
        lagging=[LagOut(**each) for each in status.errors],
        check=CheckOut.model_validate(status.check) if status.check else None,
    )
