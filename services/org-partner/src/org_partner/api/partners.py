from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.partners import PartnerIn, PartnerOut

router = APIRouter(tags=["partners"])


@router.post(
    "/orgs/{org_id}/partners",
    status_code=201,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable),
)
async def create_partner(org_id: UUID, body: PartnerIn, caller: Caller, services: Services) -> PartnerOut:
    """The owner must have signed up; they get the role `partner_owner`."""
    partner = await services.partners.create(caller, org_id, name=body.name, owner_email=body.owner_email)
    return PartnerOut.model_validate(partner)


@router.get("/orgs/{org_id}/partners", responses=responses(Unauthenticated, NotFound, Invalid, Unavailable))
async def list_partners(org_id: UUID, page: PageSlice, caller: Caller, services: Services) -> Page[PartnerOut]:
    """All of them for who administers the org, their own ones for a partner's staff."""
    rows = await services.partners.list_for_org(caller, org_id, page)
    return page_of(rows, page, place=lambda row: (row.created_at, row.partner_id), item=PartnerOut.model_validate)
