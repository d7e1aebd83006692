import base64
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.enrollments import EnrollmentOut
from org_partner.schemas.invite_codes import InviteCodeIn, InviteCodeIssued, InviteCodeOut, InviteCodeState, Redemption

router = APIRouter(tags=["invite codes"])

_STAFF = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)


@router.post("/classes/{class_id}/invite-codes", status_code=201, responses=_STAFF)
async def issue_invite_code(
    class_id: UUID, body: InviteCodeIn, caller: Caller, services: Services, response: Response
) -> InviteCodeIssued:
    """The code and its QR code stand in this answer alone; only a hash is kept."""
    issued = await services.invite_codes.issue(
        caller, class_id, lifetime=body.lifetime, max_uses=body.max_uses, label=body.label, note=body.note
    )
    response.headers["Cache-Control"] = "no-store"
    return InviteCodeIssued(
        **InviteCodeOut.model_validate(issued.row).model_dump(),
        code=issued.code,
        join_url=issued.join_url,
        qr_png_base64=base64.b64encode(issued.qr_png).decode(),
    )


@router.get("/classes/{class_id}/invite-codes", responses=_STAFF)
async def list_invite_codes(
    class_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    state: Annotated[InviteCodeState | None, Query(examples=["active"])] = None,
) -> Page[InviteCodeOut]:
    rows = await services.invite_codes.list_for_class(caller, class_id, page, state=state)
    return page_of(
        rows, page, place=lambda row: (row.created_at, row.invite_code_id), item=InviteCodeOut.model_validate
    )


@router.delete("/classes/{class_id}/invite-codes/{invite_code_id}", status_code=204, responses=_STAFF)
async def revoke_invite_code(class_id: UUID, invite_code_id: UUID, caller: Caller, services: Services) -> Response:
    """Nobody gets in with it any more; who is in stays."""
    await services.invite_codes.revoke(caller, class_id, invite_code_id)
    return Response(status_code=204)


@router.post(
    "/invite-codes/redeem",
    responses=responses(Unauthenticated, NotFound, Conflict, Invalid, RateLimited, Unavailable),
)
async def redeem_invite_code(body: Redemption, caller: Caller, services: Services) -> EnrollmentOut:
    """Enrol in the code's class, with its models, budget and materials.

    Again: the same enrolment, and no further use is counted. 409: the code is right and the class is full.
    """
    return EnrollmentOut.model_validate(await services.redemptions.redeem(caller, body.code))
