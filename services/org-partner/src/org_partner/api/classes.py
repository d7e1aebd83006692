from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.classes import ClassIn, ClassOut

router = APIRouter(tags=["classes"])


@router.post(
    "/partners/{partner_id}/classes",
    status_code=201,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable),
)
async def open_class(partner_id: UUID, body: ClassIn, caller: Caller, services: Services) -> ClassOut:
    opened = await services.classes.open(caller, partner_id, course_id=body.course_id, name=body.name)
    return ClassOut.model_validate(opened)


@router.get("/partners/{partner_id}/classes", responses=responses(Unauthenticated, NotFound, Invalid, Unavailable))
async def list_classes(partner_id: UUID, page: PageSlice, caller: Caller, services: Services) -> Page[ClassOut]:
    rows = await services.classes.list_for_partner(caller, partner_id, page)
    return page_of(rows, page, place=lambda row: (row.opened_at, row.class_id), item=ClassOut.model_validate)


@router.get("/classes/{class_id}", responses=responses(Unauthenticated, NotFound, Invalid, Unavailable))
async def read_class(class_id: UUID, caller: Caller, services: Services) -> ClassOut:
    """For the partner's staff and the class's students."""
    return ClassOut.model_validate(await services.classes.get(caller, class_id))
