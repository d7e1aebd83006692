from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.classes import MaterialIn, MaterialOut, MaterialsIn
from org_partner.schemas.fields import SearchText

router = APIRouter(tags=["materials"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.get("/classes/{class_id}/materials", responses=_READ)
async def list_materials(
    class_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    title: Annotated[SearchText | None, Query(description="A part of the title", examples=["환불"])] = None,
) -> Page[MaterialOut]:
    """For the partner's staff and the class's students, the latest first."""
    rows = await services.materials.list_for_class(caller, class_id, page, title=title)
    return page_of(rows, page, place=lambda row: (row.added_at, row.document_id), item=MaterialOut.model_validate)


@router.put("/classes/{class_id}/materials", status_code=204, responses=_CHANGE)
async def put_materials(class_id: UUID, body: MaterialsIn, caller: Caller, services: Services) -> Response:
    """These documents and no others. Each must be of somebody who teaches there."""
    await services.materials.put(caller, class_id, body.document_ids)
    return Response(status_code=204)


@router.post("/classes/{class_id}/materials", status_code=204, responses=_CHANGE)
async def add_material(class_id: UUID, body: MaterialIn, caller: Caller, services: Services) -> Response:
    """One more. Again: nothing changes."""
    await services.materials.add(caller, class_id, body.document_id)
    return Response(status_code=204)


@router.delete("/classes/{class_id}/materials/{document_id}", status_code=204, responses=_READ)
async def remove_material(class_id: UUID, document_id: UUID, caller: Caller, services: Services) -> Response:
    """The document itself stays."""
    await services.materials.remove(caller, class_id, document_id)
    return Response(status_code=204)
