from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from chassis.auth import EnrollingCaller
from chassis.errors import Conflict, Forbidden, Invalid, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from identity.api.wired import Services
from identity.ports import Challenge
from identity.schemas.auth import Login, Refresh, SecondStep, SignUp, Tokens
from identity.schemas.users import UserOut
from identity.service.keys import VERIFIERS_CACHE

router = APIRouter(tags=["auth"])


@router.post(
    "/auth/sign-up", status_code=201, responses=responses(Forbidden, Conflict, Invalid, RateLimited, Unavailable)
)
async def sign_up(body: SignUp, services: Services) -> UserOut:
    """An address that has an account is told so; how often one may ask is limited.

    Where the platform takes invited people alone, `invitation_token` is needed.
    """
    return UserOut.model_validate(await services.accounts.sign_up(**body.model_dump()))


@router.post("/auth/login", responses=responses(Unauthenticated, Forbidden, Invalid, RateLimited, Unavailable))
async def login(body: Login, services: Services, user_agent: Annotated[str, Header()] = "") -> Tokens | SecondStep:
    """A pair of tokens; or, where the account has a second factor, what the second step needs."""
    opened = await services.sessions.login(email=body.email, password=body.password, user_agent=user_agent)
    return SecondStep.model_validate(opened) if isinstance(opened, Challenge) else Tokens.model_validate(opened)


@router.post("/auth/refresh", responses=responses(Unauthenticated, Invalid, Unavailable))
async def refresh(body: Refresh, services: Services) -> Tokens:
    return Tokens.model_validate(await services.sessions.refresh(body.refresh_token))


@router.post("/auth/logout", status_code=204, responses=responses(Unauthenticated, Forbidden, RateLimited, Unavailable))
async def logout(caller: EnrollingCaller, services: Services) -> Response:
    await services.sessions.logout(caller)
    return Response(status_code=204)


@router.get("/.well-known/jwks.json", responses=responses(Unavailable))
async def jwks(services: Services, response: Response) -> dict[str, Any]:
    response.headers["Cache-Control"] = f"public, max-age={VERIFIERS_CACHE.total_seconds():.0f}"
    return await services.keys.jwks()
