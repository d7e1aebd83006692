from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Query

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.days import Day
from org_partner.schemas.settlement_policies import (
    FixedFeeTerms,
    PolicyIn,
    PreviewIn,
    PreviewOut,
    SettlementPolicyOut,
    ShareTerms,
)
from org_partner.service.settlement import Terms, Tier

router = APIRouter(tags=["settlement policies"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_WRITE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.post("/orgs/{org_id}/settlement-policies", status_code=201, responses=_WRITE)
async def adopt_settlement_policy(
    org_id: UUID, body: Annotated[PolicyIn, Body()], caller: Caller, services: Services
) -> SettlementPolicyOut:
    """For the org's administrators. It holds from its day on, until the next one's; 409: that day has one already."""
    policy = await services.settlement_policies.adopt(caller, org_id, _terms(body), effective_from=body.effective_from)
    return SettlementPolicyOut.model_validate(policy)


@router.get("/orgs/{org_id}/settlement-policies", responses=_READ)
async def list_settlement_policies(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    state: Annotated[Literal["upcoming", "effective", "past", "withdrawn"] | None, Query()] = None,
    effective_at: Annotated[Day | None, Query(description="The one that holds on this day, alone")] = None,
) -> Page[SettlementPolicyOut]:
    """For the org's administrators, newest first."""
    rows = await services.settlement_policies.list_for_org(caller, org_id, page, state=state, effective_at=effective_at)
    return page_of(
        rows, page, place=lambda row: (row.adopted_at, row.policy_id), item=SettlementPolicyOut.model_validate
    )


@router.get("/orgs/{org_id}/settlement-policies/effective", responses=_READ)
async def read_effective_settlement_policy(
    org_id: UUID,
    caller: Caller,
    services: Services,
    at: Annotated[Day | None, Query(description="A day in Asia/Seoul; now")] = None,
) -> SettlementPolicyOut:
    """The one that holds then, for partners' owners too. 404: none does."""
    return SettlementPolicyOut.model_validate(await services.settlement_policies.get_effective(caller, org_id, at=at))


@router.post("/orgs/{org_id}/settlement-policies/preview", responses=_READ)
async def preview_settlement(org_id: UUID, body: PreviewIn, caller: Caller, services: Services) -> PreviewOut:
    """What a partner would be due of this revenue. Nothing is kept."""
    terms = _terms(body.terms) if body.terms is not None else None
    due = await services.settlement_policies.preview(
        caller, org_id, revenue=body.revenue_amount, terms=terms, policy_id=body.policy_id
    )
    return PreviewOut.model_validate(due)


@router.get("/orgs/{org_id}/settlement-policies/{policy_id}", responses=_READ)
async def read_settlement_policy(
    org_id: UUID, policy_id: UUID, caller: Caller, services: Services
) -> SettlementPolicyOut:
    return SettlementPolicyOut.model_validate(await services.settlement_policies.get(caller, org_id, policy_id))


@router.post("/orgs/{org_id}/settlement-policies/{policy_id}/withdraw", responses=_WRITE)
async def withdraw_settlement_policy(
    org_id: UUID, policy_id: UUID, caller: Caller, services: Services
) -> SettlementPolicyOut:
    """Before its day; 409 afterwards: what has begun is followed by another policy. Again: nothing changes."""
    return SettlementPolicyOut.model_validate(await services.settlement_policies.withdraw(caller, org_id, policy_id))


def _terms(form: ShareTerms | FixedFeeTerms) -> Terms:
    share = form if isinstance(form, ShareTerms) else None
    return Terms(
        kind=form.kind,
        share_bps=share.share_bps if share else None,
        fixed_fee=form.fixed_fee if isinstance(form, FixedFeeTerms) else None,
        tiers=tuple(Tier(tier.from_amount, tier.share_bps) for tier in share.tiers) if share else (),
        minimum_amount=form.minimum_amount,
        currency=form.currency,
        rounding=form.rounding,
    )
