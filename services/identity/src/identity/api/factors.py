from typing import Annotated

from fastapi import APIRouter, Header, Response

from chassis.auth import Caller, EnrollingCaller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.auth import Tokens
from identity.schemas.factors import (
    Confirmation,
    MfaStatus,
    ProofIn,
    RecoveryCodes,
    SecondStepIn,
    TotpConfirmed,
    TotpStart,
    TotpStarted,
)

router = APIRouter(tags=["second factor"])

_OWN = (Unauthenticated, Forbidden, NotFound, Invalid, RateLimited, Unavailable)


@router.post("/auth/login/mfa", responses=responses(Unauthenticated, Invalid, RateLimited, Unavailable))
async def login_with_code(
    body: SecondStepIn, services: Services, response: Response, user_agent: Annotated[str, Header()] = ""
) -> Tokens:
    """The second step of a login that answered with `mfa_required`."""
    response.headers["Cache-Control"] = "no-store"
    pair = await services.second_step.login(mfa_token=body.mfa_token, code=body.code, user_agent=user_agent)
    return Tokens.model_validate(pair)


@router.get("/users/me/mfa", responses=responses(*_OWN))
async def read_mfa(caller: EnrollingCaller, services: Services) -> MfaStatus:
    return MfaStatus.model_validate(await services.factors.status(caller))


@router.post("/users/me/mfa/totp", status_code=201, responses=responses(*_OWN, Conflict))
async def start_totp(
    caller: EnrollingCaller, services: Services, response: Response, body: TotpStart | None = None
) -> TotpStarted:
    """A secret for an authenticator app. Again before it is confirmed: another one in its place."""
    response.headers["Cache-Control"] = "no-store"
    return TotpStarted.model_validate(await services.factors.start(caller, body.password if body else None))


@router.post("/users/me/mfa/totp/confirm", responses=responses(*_OWN, Conflict))
async def confirm_totp(
    body: Confirmation, caller: EnrollingCaller, services: Services, response: Response
) -> TotpConfirmed:
    """From now on a login asks for a code, as a letter tells. Keep the recovery codes: they are not shown again."""
    response.headers["Cache-Control"] = "no-store"
    return TotpConfirmed.model_validate(await services.factors.confirm(caller, body.code))


@router.delete("/users/me/mfa/totp", status_code=204, responses=responses(*_OWN, Conflict))
async def remove_totp(body: ProofIn, caller: Caller, services: Services) -> Response:
    """A login asks for no code any more; where the platform demands one, it can do nothing but set up another."""
    await services.factors.disable(caller, body.code)
    return Response(status_code=204)


@router.post("/users/me/mfa/recovery-codes", status_code=201, responses=responses(*_OWN, Conflict))
async def renew_recovery_codes(body: ProofIn, caller: Caller, services: Services, response: Response) -> RecoveryCodes:
    """A new set, for a code; the old one is void."""
    response.headers["Cache-Control"] = "no-store"
    codes = await services.factors.renew_codes(caller, body.code)
    return RecoveryCodes(recovery_codes=codes)
