from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, Locale, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.fields import SearchText
from org_partner.schemas.orgs import SuspensionIn
from org_partner.schemas.partners import PartnerIn, PartnerMoveIn, PartnerOut, PartnerPatch, PartnerStatus

router = APIRouter(tags=["partners"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.post("/orgs/{org_id}/partners", status_code=201, responses=_CHANGE | responses(RateLimited))
async def create_partner(org_id: UUID, body: PartnerIn, caller: Caller, services: Services) -> PartnerOut:
    """The owner gets the role `partner_owner`: at once, or with `invite_owner` by a link that is mailed to them."""
    partner = await services.partners.create(
        caller,
        org_id,
        name=body.name,
        owner_email=body.owner_email,
        invite_in=Locale(body.locale) if body.invite_owner else None,
    )
    return PartnerOut.model_validate(partner)


@router.get("/orgs/{org_id}/partners", responses=_READ)
async def list_partners(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    name: Annotated[SearchText | None, Query(description="A part of the name", examples=["김민지"])] = None,
    status: Annotated[PartnerStatus | None, Query(examples=["active"])] = None,
) -> Page[PartnerOut]:
    """All of them for who administers the org, their own active ones for a partner's staff."""
    rows = await services.partners.list_for_org(caller, org_id, page, name=name, status=status)
    return page_of(rows, page, place=lambda row: (row.created_at, row.partner_id), item=PartnerOut.model_validate)


@router.get("/partners/{partner_id}", responses=_READ)
async def read_partner(partner_id: UUID, caller: Caller, services: Services) -> PartnerOut:
    """For the partner's staff."""
    return PartnerOut.model_validate(await services.partners.get(caller, partner_id))


@router.patch("/partners/{partner_id}", responses=_CHANGE)
async def update_partner(partner_id: UUID, body: PartnerPatch, caller: Caller, services: Services) -> PartnerOut:
    """For the partner's owners and the org's administrators."""
    changed = await services.partners.update(caller, partner_id, name=body.name, version=body.version)
    return PartnerOut.model_validate(changed)


@router.post("/partners/{partner_id}/suspend", responses=_CHANGE)
async def suspend_partner(partner_id: UUID, body: SuspensionIn, caller: Caller, services: Services) -> PartnerOut:
    """For the org's administrators. Acts at once on the partner's classes, in every service."""
    return PartnerOut.model_validate(await services.partners.suspend(caller, partner_id, reason=body.reason))


@router.post("/partners/{partner_id}/restore", responses=_CHANGE)
async def restore_partner(partner_id: UUID, caller: Caller, services: Services) -> PartnerOut:
    """For the org's administrators."""
    return PartnerOut.model_validate(await services.partners.restore(caller, partner_id))


@router.post("/partners/{partner_id}/move", responses=_CHANGE)
async def move_partner(partner_id: UUID, body: PartnerMoveIn, caller: Caller, services: Services) -> PartnerOut:
    """For supervisors. Its staff goes along; a partner that has classes or LLM settings stays where it is."""
    return PartnerOut.model_validate(await services.partners.move(caller, partner_id, org_id=body.org_id))
