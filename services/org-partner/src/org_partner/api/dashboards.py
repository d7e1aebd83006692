from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.dashboards import ClassDashboard, DashboardQuery, OrgDashboard, PartnerDashboard

router = APIRouter(tags=["dashboards"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)


@router.get("/orgs/{org_id}/dashboard", responses=_READ)
async def read_org_dashboard(
    org_id: UUID, query: Annotated[DashboardQuery, Query()], caller: Caller, services: Services
) -> OrgDashboard:
    """The org's partners in numbers, for its administrators. What it costs: `GET /usage/summary` of usage-metrics."""
    found = await services.dashboards.of_org(caller, org_id, first=query.first, last=query.last)
    return OrgDashboard.model_validate(found)


@router.get("/partners/{partner_id}/dashboard", responses=_READ)
async def read_partner_dashboard(
    partner_id: UUID, query: Annotated[DashboardQuery, Query()], caller: Caller, services: Services
) -> PartnerDashboard:
    """The partner's classes in numbers, for its staff. What it costs: `GET /usage/summary` of usage-metrics."""
    found = await services.dashboards.of_partner(caller, partner_id, first=query.first, last=query.last)
    return PartnerDashboard.model_validate(found)


@router.get("/classes/{class_id}/dashboard", responses=_READ)
async def read_class_dashboard(
    class_id: UUID, query: Annotated[DashboardQuery, Query()], caller: Caller, services: Services
) -> ClassDashboard:
    """One class in numbers, for the partner's staff. What it costs: `GET /usage/summary` of usage-metrics."""
    found = await services.dashboards.of_class(caller, class_id, first=query.first, last=query.last)
    return ClassDashboard.model_validate(found)
