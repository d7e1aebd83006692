from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.invitations import InvitationIn, InvitationOut

router = APIRouter(tags=["invitations"])


@router.post(
    "/users/invitations",
    status_code=201,
    responses=responses(Unauthenticated, Forbidden, Conflict, Invalid, RateLimited, Unavailable),
)
async def invite(body: InvitationIn, caller: Caller, services: Services) -> InvitationOut:
    """For supervisors. A letter goes to the address; an open invitation that it had is void."""
    return InvitationOut.model_validate(await services.invitations.invite(caller, email=body.email, locale=body.locale))


@router.get("/users/invitations", responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable))
async def list_invitations(
    caller: Caller,
    services: Services,
    page: PageSlice,
    is_open: Annotated[
        bool | None, Query(alias="open", description="Only those that still count, or only the others")
    ] = None,
) -> Page[InvitationOut]:
    """For supervisors; newest first."""
    rows = await services.invitations.list_all(caller, page, is_open=is_open)
    return page_of(rows, page, place=lambda row: (row.created_at, row.invitation_id), item=InvitationOut.model_validate)


@router.delete(
    "/users/invitations/{invitation_id}",
    status_code=204,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable),
)
async def revoke_invitation(invitation_id: UUID, caller: Caller, services: Services) -> Response:
    """For supervisors."""
    await services.invitations.revoke(caller, invitation_id)
    return Response(status_code=204)
