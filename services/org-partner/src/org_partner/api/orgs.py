from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.fields import SearchText
from org_partner.schemas.orgs import ClosingIn, OrgIn, OrgOut, OrgPatch, OrgStatus, SuspensionIn

router = APIRouter(tags=["orgs"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.post("/orgs", status_code=201, responses=responses(Unauthenticated, Forbidden, Invalid, Unavailable))
async def create_org(body: OrgIn, caller: Caller, services: Services) -> OrgOut:
    """For supervisors."""
    return OrgOut.model_validate(await services.orgs.create(caller, name=body.name))


@router.get("/orgs", responses=responses(Unauthenticated, Forbidden, Invalid, Unavailable))
async def list_orgs(
    page: PageSlice,
    caller: Caller,
    services: Services,
    name: Annotated[SearchText | None, Query(description="A part of the name", examples=["한빛"])] = None,
    status: Annotated[OrgStatus | None, Query(examples=["active"])] = None,
) -> Page[OrgOut]:
    """All of them for a supervisor, for others those in which they have a role, suspended ones as well."""
    rows = await services.orgs.list_visible(caller, page, name=name, status=status)
    return page_of(rows, page, place=lambda org: (org.created_at, org.org_id), item=OrgOut.model_validate)


@router.get("/orgs/{org_id}", responses=_READ)
async def read_org(org_id: UUID, caller: Caller, services: Services) -> OrgOut:
    return OrgOut.model_validate(await services.orgs.get(caller, org_id))


@router.patch("/orgs/{org_id}", responses=_CHANGE)
async def update_org(org_id: UUID, body: OrgPatch, caller: Caller, services: Services) -> OrgOut:
    """For the org's administrators."""
    changed = await services.orgs.update(caller, org_id, changes=body.changes(), version=body.version)
    return OrgOut.model_validate(changed)


@router.post("/orgs/{org_id}/suspend", responses=_CHANGE)
async def suspend_org(org_id: UUID, body: SuspensionIn, caller: Caller, services: Services) -> OrgOut:
    """For supervisors. Acts at once on the org's partners and classes, in every service."""
    return OrgOut.model_validate(await services.orgs.suspend(caller, org_id, reason=body.reason))


@router.post("/orgs/{org_id}/restore", responses=_READ)
async def restore_org(org_id: UUID, caller: Caller, services: Services) -> OrgOut:
    """For supervisors. Gives a suspended or closed org back as it was."""
    return OrgOut.model_validate(await services.orgs.restore(caller, org_id))


@router.post("/orgs/{org_id}/close", responses=_CHANGE)
async def close_org(org_id: UUID, body: ClosingIn, caller: Caller, services: Services) -> OrgOut:
    """For supervisors. Refused while the org has open classes, unless `force` is true."""
    return OrgOut.model_validate(await services.orgs.close(caller, org_id, reason=body.reason, force=body.force))
