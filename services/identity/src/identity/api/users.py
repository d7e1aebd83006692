from fastapi import APIRouter, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.auth import Accepted, AccessToken
from identity.schemas.users import Anonymisation, Deactivation, EmailChange, PasswordChange, ProfileChange, UserOut

router = APIRouter(tags=["users"])

_CONFIRMED = responses(Unauthenticated, Forbidden, Conflict, Invalid, RateLimited, Unavailable)


@router.get("/users/me", responses=responses(Unauthenticated, Forbidden, NotFound, RateLimited, Unavailable))
async def read_me(caller: Caller, services: Services) -> UserOut:
    return UserOut.model_validate(await services.accounts.get(caller))


@router.patch("/users/me", responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable))
async def update_me(body: ProfileChange, caller: Caller, services: Services) -> UserOut:
    profile = await services.accounts.update(caller, display_name=body.display_name, locale=body.locale)
    return UserOut.model_validate(profile)


@router.post("/users/me/email", status_code=202, responses=_CONFIRMED)
async def change_my_email(body: EmailChange, caller: Caller, services: Services) -> Accepted:
    """A letter goes to the new address; the change happens when its token comes to `POST /auth/verify-email`."""
    await services.addresses.change(caller, email=body.email, password=body.password)
    return Accepted()


@router.post("/users/me/password", responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable))
async def change_my_password(body: PasswordChange, caller: Caller, services: Services) -> AccessToken:
    """All other sessions end. This one goes on with its refresh token and this new access token."""
    await services.own_password.change(caller, current=body.current, new=body.new)
    token, seconds = await services.sessions.access_token(caller.session_id)
    return AccessToken(access_token=token, expires_in=seconds)


@router.post("/users/me/deactivate", status_code=204, responses=_CONFIRMED)
async def deactivate_me(body: Deactivation, caller: Caller, services: Services) -> Response:
    """Every session ends; a supervisor can restore the account."""
    await services.leaving.deactivate(caller, body.password)
    return Response(status_code=204)


@router.post("/users/me/anonymise", status_code=204, responses=_CONFIRMED)
async def anonymise_me(body: Anonymisation, caller: Caller, services: Services) -> Response:
    """Everything personal is erased, here and in all other parts of the platform. Nobody can undo it."""
    await services.leaving.anonymise(caller, body.password)
    return Response(status_code=204)
