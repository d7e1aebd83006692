from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.clock import now
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.api_keys import ApiKeyIn, ApiKeyIssued, ApiKeyOut, ApiKeyToken, ApiKeyTrade, Rotation, State

router = APIRouter(tags=["api keys"])

_OWN = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)


@router.post("/users/me/api-keys", status_code=201, responses=responses(*_OWN, Conflict))
async def issue_api_key(body: ApiKeyIn, caller: Caller, services: Services, response: Response) -> ApiKeyIssued:
    """The key stands in this answer alone; only its hash is kept. Send it as `Authorization: Bearer gfk_…`."""
    issued = await services.api_keys.issue(caller, name=body.name, scopes=body.scopes, lifetime=body.lifetime)
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyIssued(**_out(issued.row).model_dump(), api_key=issued.api_key)


@router.get("/users/me/api-keys", responses=responses(*_OWN))
async def list_api_keys(
    page: PageSlice,
    caller: Caller,
    services: Services,
    state: Annotated[State | None, Query(description="Only keys in this state", examples=["active"])] = None,
) -> Page[ApiKeyOut]:
    rows = await services.api_keys.list_own(caller, page, state=state)
    return page_of(rows, page, place=lambda row: (row.created_at, row.api_key_id), item=_out)


@router.post("/users/me/api-keys/{api_key_id}/rotate", status_code=201, responses=responses(*_OWN, NotFound, Conflict))
async def rotate_api_key(
    api_key_id: UUID, body: Rotation, caller: Caller, services: Services, response: Response
) -> ApiKeyIssued:
    """A second key of the same name and scopes. The old one goes on for `keep_hours`, then the new one is left."""
    issued = await services.api_keys.rotate(caller, api_key_id, lifetime=body.lifetime, keep=body.keep)
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyIssued(**_out(issued.row).model_dump(), api_key=issued.api_key)


@router.delete("/users/me/api-keys/{api_key_id}", status_code=204, responses=responses(*_OWN, NotFound))
async def revoke_api_key(api_key_id: UUID, caller: Caller, services: Services) -> Response:
    """Every service refuses it within 10 seconds. Again: nothing changes."""
    await services.api_keys.revoke(caller, api_key_id)
    return Response(status_code=204)


@router.post("/auth/api-keys/token", responses=responses(Unauthenticated, Invalid, RateLimited, Unavailable))
async def trade_api_key(body: ApiKeyTrade, services: Services, response: Response) -> ApiKeyToken:
    """A short access token for an API key. The services do this by themselves for whoever sends them the key."""
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyToken.model_validate(await services.key_trade.exchange(body.api_key))


def _out(row: Any) -> ApiKeyOut:
    names = ("api_key_id", "prefix", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    return ApiKeyOut(**{name: getattr(row, name) for name in names}, state=row.state(now()))
