from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.classes import ClassIn, ClassOut, ClassPatch, ClassSeen, ClassStatus, ReopeningIn
from org_partner.schemas.fields import SearchText
from org_partner.schemas.seoul import SeoulTimeIn

router = APIRouter(tags=["classes"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.post("/partners/{partner_id}/classes", status_code=201, responses=_CHANGE)
async def create_class(partner_id: UUID, body: ClassIn, caller: Caller, services: Services) -> ClassOut:
    """A draft, or a class that is open at once or from `opens_at` on."""
    return ClassOut.model_validate(await services.classes.create(caller, partner_id, **body.model_dump()))


@router.get("/partners/{partner_id}/classes", responses=_READ)
async def list_classes(
    partner_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    status: Annotated[ClassStatus | None, Query(examples=["open"])] = None,
    course_id: Annotated[UUID | None, Query(description="Classes of this course")] = None,
    name: Annotated[SearchText | None, Query(description="A part of the name", examples=["저녁"])] = None,
    open_from: Annotated[SeoulTimeIn | None, Query(description="Open then or later")] = None,
    open_to: Annotated[SeoulTimeIn | None, Query(description="Open before then")] = None,
) -> Page[ClassOut]:
    rows = await services.classes.list_for_partner(
        caller, partner_id, page, state=status, course_id=course_id, name=name, open_from=open_from, open_to=open_to
    )
    return page_of(rows, page, place=lambda row: (row.created_at, row.class_id), item=ClassOut.model_validate)


@router.get("/classes/{class_id}", responses=_READ)
async def read_class(class_id: UUID, caller: Caller, services: Services) -> ClassOut | ClassSeen:
    """For the partner's staff; the class's students see less of it."""
    found, as_student = await services.classes.get(caller, class_id)
    return ClassSeen.model_validate(found) if as_student else ClassOut.model_validate(found)


@router.patch("/classes/{class_id}", responses=_CHANGE)
async def update_class(class_id: UUID, body: ClassPatch, caller: Caller, services: Services) -> ClassOut:
    changed = await services.classes.change(caller, class_id, version=body.version, **body.changes())
    return ClassOut.model_validate(changed)


@router.post("/classes/{class_id}/open", responses=_CHANGE)
async def open_class(class_id: UUID, caller: Caller, services: Services) -> ClassOut:
    """Publish a draft: it begins at once, or when its `opens_at` comes."""
    return ClassOut.model_validate(await services.periods.open(caller, class_id))


@router.post("/classes/{class_id}/close", responses=_CHANGE)
async def close_class(class_id: UUID, caller: Caller, services: Services) -> ClassOut:
    """Nobody works in it any more; who is enrolled stays so."""
    return ClassOut.model_validate(await services.periods.close(caller, class_id))


@router.post("/classes/{class_id}/reopen", responses=_CHANGE)
async def reopen_class(class_id: UUID, caller: Caller, services: Services, body: ReopeningIn | None = None) -> ClassOut:
    """Until `closes_at`; without one, an end that has passed is taken away."""
    closes_at = body.closes_at if body else None
    return ClassOut.model_validate(await services.periods.reopen(caller, class_id, closes_at=closes_at))
