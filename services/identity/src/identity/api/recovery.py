"""What a letter's token is good for: showing that an address is one's own, and choosing a new password."""

from fastapi import APIRouter, Response

from chassis.errors import Conflict, Invalid, RateLimited, Unavailable
from chassis.problems import responses
from identity.api.wired import Services
from identity.schemas.auth import Accepted, EmailAddress, EmailToken, PasswordReset

router = APIRouter(tags=["auth"])


@router.post("/auth/verify-email", status_code=204, responses=responses(Conflict, Invalid, Unavailable))
async def verify_email(body: EmailToken, services: Services) -> Response:
    """Of a new account's address, or of an address that an account changes to."""
    await services.addresses.verify(body.token)
    return Response(status_code=204)


@router.post("/auth/verify-email/resend", status_code=202, responses=responses(Invalid, RateLimited, Unavailable))
async def resend_verification(body: EmailAddress, services: Services) -> Accepted:
    await services.addresses.resend(body.email)
    return Accepted()


@router.post("/auth/password-reset", status_code=202, responses=responses(Invalid, RateLimited, Unavailable))
async def request_password_reset(body: EmailAddress, services: Services) -> Accepted:
    await services.own_password.request_reset(body.email)
    return Accepted()


@router.post("/auth/password-reset/confirm", status_code=204, responses=responses(Invalid, Unavailable))
async def reset_password(body: PasswordReset, services: Services) -> Response:
    """Every session ends, every API key is revoked, and the address counts as verified.

    If it did not before, the second factor, its recovery codes and linked identities go too: whoever made the account
    need not have had the address.
    """
    await services.own_password.reset(body.token, body.password)
    return Response(status_code=204)
