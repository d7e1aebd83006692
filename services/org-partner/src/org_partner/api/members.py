from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from contracts.org_partner import Role
from org_partner.api.wired import Services
from org_partner.schemas.fields import SearchText
from org_partner.schemas.members import (
    AdminIn,
    MemberIn,
    MemberMoveIn,
    MemberOut,
    MemberRole,
    MembershipOut,
    MemberState,
    RoleIn,
)
from org_partner.service.permission import Where

router = APIRouter(tags=["members"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


OfRole = Annotated[MemberRole | None, Query(examples=["instructor"])]
Text = Annotated[SearchText | None, Query(description="A part of the name or the address", examples=["김"])]
State = Annotated[MemberState, Query(description="`ended`: the role was taken away")]


@router.post("/orgs/{org_id}/admins", responses=_CHANGE)
async def add_admin(org_id: UUID, body: AdminIn, caller: Caller, services: Services) -> MembershipOut:
    """Let a user who has signed up and verified the address administer the org. Again: the same membership."""
    return MembershipOut.model_validate(await services.orgs.add_admin(caller, org_id, email=body.email))


@router.get("/orgs/{org_id}/members", responses=_READ)
async def list_org_members(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    role: OfRole = None,
    partner_id: Annotated[UUID | None, Query(description="Those of this partner alone")] = None,
    text: Text = None,
    state: State = "active",
) -> Page[MemberOut]:
    """Of the org and of all its partners; for the org's administrators."""
    rows = await services.members.list_for_org(
        caller, org_id, page, role=role, partner_id=partner_id, text=text, ended=state == "ended"
    )
    return page_of(rows, page, place=lambda row: (row.granted_at, row.membership_id), item=MemberOut.model_validate)


@router.delete("/orgs/{org_id}/members/{membership_id}", status_code=204, responses=_CHANGE)
async def revoke_org_member(org_id: UUID, membership_id: UUID, caller: Caller, services: Services) -> Response:
    """Take a role in the org or one of its partners away; never the last administrator's or last owner's."""
    await services.members.revoke(caller, Where(org_id=org_id), membership_id)
    return Response(status_code=204)


@router.get("/partners/{partner_id}/members", responses=_READ)
async def list_partner_members(
    partner_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    role: OfRole = None,
    text: Text = None,
    state: State = "active",
) -> Page[MemberOut]:
    """For the partner's owners and the org's administrators."""
    rows = await services.members.list_for_partner(
        caller, partner_id, page, role=role, text=text, ended=state == "ended"
    )
    return page_of(rows, page, place=lambda row: (row.granted_at, row.membership_id), item=MemberOut.model_validate)


@router.post("/partners/{partner_id}/members", responses=_CHANGE)
async def add_partner_member(partner_id: UUID, body: MemberIn, caller: Caller, services: Services) -> MembershipOut:
    """Give a user who has verified the address a role. Owners give those below theirs, the org's administrators all."""
    added = await services.members.add(caller, partner_id, email=body.email, role=Role(body.role))
    return MembershipOut.model_validate(added)


@router.patch("/partners/{partner_id}/members/{membership_id}", responses=_CHANGE)
async def change_partner_member(
    partner_id: UUID, membership_id: UUID, body: RoleIn, caller: Caller, services: Services
) -> MembershipOut:
    changed = await services.members.change_role(caller, partner_id, membership_id, role=Role(body.role))
    return MembershipOut.model_validate(changed)


@router.delete("/partners/{partner_id}/members/{membership_id}", status_code=204, responses=_CHANGE)
async def revoke_partner_member(partner_id: UUID, membership_id: UUID, caller: Caller, services: Services) -> Response:
    await services.members.revoke(caller, Where(partner_id=partner_id), membership_id)
    return Response(status_code=204)


@router.post("/partners/{partner_id}/members/{membership_id}/move", responses=_CHANGE)
async def move_partner_member(
    partner_id: UUID, membership_id: UUID, body: MemberMoveIn, caller: Caller, services: Services
) -> MembershipOut:
    """The same role in another partner of the org; for the org's administrators."""
    moved = await services.members.move(caller, partner_id, membership_id, into_id=body.partner_id)
    return MembershipOut.model_validate(moved)
