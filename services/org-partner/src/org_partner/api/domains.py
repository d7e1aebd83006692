from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.domains import DomainIn, DomainOut
from org_partner.schemas.fields import SearchText

router = APIRouter(tags=["domains"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.get("/orgs/{org_id}/domains", responses=_READ)
async def list_domains(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    domain: Annotated[SearchText | None, Query(description="A part of it", examples=["hanbit"])] = None,
) -> Page[DomainOut]:
    """For the org's administrators."""
    rows = await services.domains.list_for_org(caller, org_id, page, domain=domain)
    return page_of(rows, page, place=lambda row: (row.created_at, row.domain_id), item=DomainOut.model_validate)


@router.post("/orgs/{org_id}/domains", status_code=201, responses=_CHANGE)
async def add_domain(org_id: UUID, body: DomainIn, caller: Caller, services: Services) -> DomainOut:
    """For supervisors, who make sure whose it is. A domain is one org's alone."""
    return DomainOut.model_validate(await services.domains.add(caller, org_id, domain=body.domain))


@router.delete("/orgs/{org_id}/domains/{domain}", status_code=204, responses=_CHANGE)
async def remove_domain(
    org_id: UUID,
    domain: Annotated[str, Path(min_length=1, max_length=253, examples=["hanbit.example.com"])],
    caller: Caller,
    services: Services,
) -> Response:
    """For supervisors."""
    await services.domains.remove(caller, org_id, domain=domain)
    return Response(status_code=204)
