from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Locale,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from contracts.org_partner import Role
from org_partner.api.wired import Services
from org_partner.schemas.fields import SearchText
from org_partner.schemas.invitations import (
    AcceptanceIn,
    InvitationOut,
    InvitationState,
    OrgInvitationIn,
    PartnerInvitationIn,
)
from org_partner.schemas.members import MembershipOut
from org_partner.service.permission import Where

router = APIRouter(tags=["invitations"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)
_SEND = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, RateLimited, Unavailable)


State = Annotated[InvitationState | None, Query(examples=["pending"])]
Text = Annotated[SearchText | None, Query(description="A part of the address", examples=["minji"])]


@router.post("/orgs/{org_id}/invitations", status_code=201, responses=_SEND)
async def invite_to_org(org_id: UUID, body: OrgInvitationIn, caller: Caller, services: Services) -> InvitationOut:
    """Mail somebody a link by which they become an administrator of the org. It works once, within 7 days."""
    sent = await services.invitations.invite_to_org(caller, org_id, email=body.email, locale=Locale(body.locale))
    return InvitationOut.model_validate(sent)


@router.get("/orgs/{org_id}/invitations", responses=_READ)
async def list_org_invitations(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    state: State = None,
    partner_id: Annotated[UUID | None, Query(description="Those to this partner alone")] = None,
    text: Text = None,
) -> Page[InvitationOut]:
    """To the org and to all its partners; for the org's administrators."""
    rows = await services.invitations.list_for_org(caller, org_id, page, state=state, partner_id=partner_id, text=text)
    return page_of(rows, page, place=lambda row: (row.created_at, row.invitation_id), item=InvitationOut.model_validate)


@router.delete("/orgs/{org_id}/invitations/{invitation_id}", status_code=204, responses=_CHANGE)
async def revoke_org_invitation(org_id: UUID, invitation_id: UUID, caller: Caller, services: Services) -> Response:
    await services.invitations.revoke(caller, Where(org_id=org_id), invitation_id)
    return Response(status_code=204)


@router.post("/orgs/{org_id}/invitations/{invitation_id}/resend", responses=_SEND)
async def resend_org_invitation(org_id: UUID, invitation_id: UUID, caller: Caller, services: Services) -> InvitationOut:
    """Another letter with a new link, good for 7 days; the one before stops working. Not within 5 minutes of it."""
    sent = await services.invitations.resend(caller, Where(org_id=org_id), invitation_id)
    return InvitationOut.model_validate(sent)


@router.post("/partners/{partner_id}/invitations", status_code=201, responses=_SEND)
async def invite_to_partner(
    partner_id: UUID, body: PartnerInvitationIn, caller: Caller, services: Services
) -> InvitationOut:
    """Owners invite to the roles below theirs, the org's administrators to all."""
    sent = await services.invitations.invite_to_partner(
        caller, partner_id, email=body.email, role=Role(body.role), locale=Locale(body.locale)
    )
    return InvitationOut.model_validate(sent)


@router.get("/partners/{partner_id}/invitations", responses=_READ)
async def list_partner_invitations(
    partner_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    state: State = None,
    text: Text = None,
) -> Page[InvitationOut]:
    """For the partner's owners and the org's administrators."""
    rows = await services.invitations.list_for_partner(caller, partner_id, page, state=state, text=text)
    return page_of(rows, page, place=lambda row: (row.created_at, row.invitation_id), item=InvitationOut.model_validate)


@router.delete("/partners/{partner_id}/invitations/{invitation_id}", status_code=204, responses=_CHANGE)
async def revoke_partner_invitation(
    partner_id: UUID, invitation_id: UUID, caller: Caller, services: Services
) -> Response:
    await services.invitations.revoke(caller, Where(partner_id=partner_id), invitation_id)
    return Response(status_code=204)


@router.post("/partners/{partner_id}/invitations/{invitation_id}/resend", responses=_SEND)
async def resend_partner_invitation(
    partner_id: UUID, invitation_id: UUID, caller: Caller, services: Services
) -> InvitationOut:
    """Another letter with a new link, good for 7 days; the one before stops working. Not within 5 minutes of it."""
    sent = await services.invitations.resend(caller, Where(partner_id=partner_id), invitation_id)
    return InvitationOut.model_validate(sent)


@router.post(
    "/invitations/accept",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, RateLimited, Unavailable),
)
async def accept_invitation(body: AcceptanceIn, caller: Caller, services: Services) -> MembershipOut:
    """Get the role that the letter's token offers; for the person with the address that it went to."""
    return MembershipOut.model_validate(await services.acceptances.accept(caller, body.token))
