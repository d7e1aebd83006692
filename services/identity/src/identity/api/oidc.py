from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import StringConstraints

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.paging import NamedPageSlice, Page, PageSlice, page_by_name, page_of
from chassis.problems import responses
from identity.api.wired import Services
from identity.ports import Challenge
from identity.schemas.auth import SecondStep, Tokens
from identity.schemas.oidc import IdentityOut, OidcComplete, OidcStart, OidcStarted, ProviderOut

router = APIRouter(tags=["openid"])

# PostgreSQL has no NUL in its texts.
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
_OWN = (Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable)


@router.get("/auth/oidc/providers", responses=responses(Invalid))
async def list_oidc_providers(
    services: Services,
    page: NamedPageSlice,
    title: Annotated[str, Query(max_length=100, description="A part of the title", examples=["Goo"])] = "",
) -> Page[ProviderOut]:
    """Where people may log in with an account that they have elsewhere."""
    found = [each for each in services.oidc.names() if title.casefold() in each.title.casefold()]
    return page_by_name(found, page, name=lambda each: each.name, item=ProviderOut.model_validate)


@router.post(
    "/auth/oidc/{provider}/start", status_code=201, responses=responses(NotFound, Invalid, RateLimited, Unavailable)
)
async def start_oidc(provider: str, body: OidcStart, services: Services, response: Response) -> OidcStarted:
    """Send the browser to `authorization_url`. It comes back with `code` and `state`, for `complete`."""
    response.headers["Cache-Control"] = "no-store"
    return OidcStarted.model_validate(await services.oidc.start(provider, redirect_uri=body.redirect_uri))


@router.post(
    "/auth/oidc/{provider}/complete",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable),
)
async def complete_oidc(
    provider: str,
    body: OidcComplete,
    services: Services,
    response: Response,
    user_agent: Annotated[str, Header()] = "",
) -> Tokens | SecondStep:
    """A pair of tokens; or, where the account has a second factor, what the second step needs."""
    response.headers["Cache-Control"] = "no-store"
    opened = await services.oidc.complete(
        provider, state=body.state, code=body.code, login_token=body.login_token, user_agent=user_agent
    )
    return SecondStep.model_validate(opened) if isinstance(opened, Challenge) else Tokens.model_validate(opened)


@router.get(
    "/auth/oidc/{provider}/callback",
    status_code=303,
    response_class=RedirectResponse,
    responses=responses(NotFound, Invalid),
)
async def return_from_oidc(
    provider: str,
    services: Services,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4096)] = "",
    error: Annotated[str, Query(max_length=100)] = "",
) -> RedirectResponse:
    """Where a provider sends the browser back to. It is sent on to PUBLIC_URL/login#…, whose page calls `complete`."""
    answer = {"state": state, "code": code, "error": error}
    url = services.oidc.return_address(provider, {name: value for name, value in answer.items() if value})
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(url, status_code=303, headers=headers)


@router.get("/users/me/identities", responses=responses(*_OWN))
async def list_identities(
    page: PageSlice,
    caller: Caller,
    services: Services,
    provider: Annotated[Name | None, Query(description="At this one alone", examples=["school"])] = None,
) -> Page[IdentityOut]:
    rows = await services.linking.list_own(caller, page, provider=provider)
    return page_of(rows, page, place=lambda row: (row.linked_at, row.identity_id), item=IdentityOut.model_validate)


@router.delete("/users/me/identities/{identity_id}", status_code=204, responses=responses(*_OWN, NotFound, Conflict))
async def unlink_identity(identity_id: UUID, caller: Caller, services: Services) -> Response:
    """The provider's login opens this account no more. The last way in cannot be taken away."""
    await services.linking.unlink(caller, identity_id)
    return Response(status_code=204)
