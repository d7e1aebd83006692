from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.orgs import AdminIn, MembershipOut, OrgIn, OrgOut

router = APIRouter(tags=["orgs"])


@router.post("/orgs", status_code=201, responses=responses(Unauthenticated, Forbidden, Invalid, Unavailable))
async def create_org(body: OrgIn, caller: Caller, services: Services) -> OrgOut:
    """For supervisors."""
    return OrgOut.model_validate(await services.orgs.create(caller, name=body.name))


@router.get("/orgs", responses=responses(Unauthenticated, Invalid, Unavailable))
async def list_orgs(page: PageSlice, caller: Caller, services: Services) -> Page[OrgOut]:
    """All of them for a supervisor, for others those in which they have a role."""
    rows = await services.orgs.list_visible(caller, page)
    return page_of(rows, page, place=lambda org: (org.created_at, org.org_id), item=OrgOut.model_validate)


@router.get("/orgs/{org_id}", responses=responses(Unauthenticated, NotFound, Invalid, Unavailable))
async def read_org(org_id: UUID, caller: Caller, services: Services) -> OrgOut:
    return OrgOut.model_validate(await services.orgs.get(caller, org_id))


@router.post("/orgs/{org_id}/admins", responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable))
async def add_admin(org_id: UUID, body: AdminIn, caller: Caller, services: Services) -> MembershipOut:
    """Let a user who has signed up administer the org. Again: the same membership."""
    return MembershipOut.model_validate(await services.orgs.add_admin(caller, org_id, email=body.email))
