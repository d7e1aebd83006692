from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import IPvAnyAddress

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.sessions import SessionOut

router = APIRouter(tags=["sessions"])


@router.get("/users/me/sessions", responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable))
async def list_my_sessions(
    caller: Caller,
    services: Services,
    page: PageSlice,
    ip: Annotated[IPvAnyAddress | None, Query(description="From there alone", examples=["203.0.113.7"])] = None,
) -> Page[SessionOut]:
    """The logins that go on, newest first."""
    rows = await services.own_sessions.list_live(caller, page, ip=None if ip is None else str(ip))
    found = page_of(rows, page, place=lambda row: (row.created_at, row.session_id), item=SessionOut.model_validate)
    for session in found.items:
        session.is_current = session.session_id == caller.session_id
    return found


@router.delete(
    "/users/me/sessions", status_code=204, responses=responses(Unauthenticated, Forbidden, RateLimited, Unavailable)
)
async def end_my_other_sessions(caller: Caller, services: Services) -> Response:
    """All but the one that asks."""
    await services.own_sessions.end_others(caller)
    return Response(status_code=204)


@router.delete(
    "/users/me/sessions/{session_id}",
    status_code=204,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable),
)
async def end_my_session(session_id: UUID, caller: Caller, services: Services) -> Response:
    await services.own_sessions.end(caller, session_id)
    return Response(status_code=204)
