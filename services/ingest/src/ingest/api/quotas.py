from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses
from ingest.api.wired import Services
from ingest.schemas.quotas import OrgQuotaOut, QuotaOut, Usage

router = APIRouter(tags=["documents"])


@router.get("/documents/quota", responses=responses(Unauthenticated, Forbidden, RateLimited, Unavailable))
async def read_quota(caller: Caller, services: Services) -> QuotaOut:
    """What your documents take up, and what they may."""
    standing = await services.quotas.standing(caller.user_id)
    limits, user = standing.limits, standing.user
    return QuotaOut(
        documents=_usage(user.documents, limits.documents),
        bytes=_usage(user.size_bytes, limits.user_bytes),
        orgs=[
            OrgQuotaOut(org_id=org_id, bytes=_usage(use.size_bytes, limits.org_bytes))
            for org_id, use in standing.orgs.items()
        ],
    )


def _usage(used: int, limit: int) -> Usage:
    return Usage(used=used, limit=limit or None)
