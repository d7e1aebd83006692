from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chassis.auth import Caller
from chassis.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.courses import CourseIn, CourseOut, CoursePatch
from org_partner.schemas.fields import SearchText

router = APIRouter(tags=["courses"])

_READ = responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
_CHANGE = responses(Unauthenticated, Forbidden, NotFound, Conflict, Invalid, Unavailable)


@router.post("/orgs/{org_id}/courses", status_code=201, responses=_READ)
async def create_course(org_id: UUID, body: CourseIn, caller: Caller, services: Services) -> CourseOut:
    """For the org's administrators."""
    made = await services.courses.create(caller, org_id, name=body.name, description=body.description)
    return CourseOut.model_validate(made)


@router.get("/orgs/{org_id}/courses", responses=_READ)
async def list_courses(
    org_id: UUID,
    page: PageSlice,
    caller: Caller,
    services: Services,
    name: Annotated[SearchText | None, Query(description="A part of the name", examples=["기초"])] = None,
    archived: Annotated[bool | None, Query(description="Archived ones alone, or none of them")] = None,
) -> Page[CourseOut]:
    """For everybody with a role in the org or in one of its partners."""
    rows = await services.courses.list_for_org(caller, org_id, page, name=name, archived=archived)
    return page_of(rows, page, place=lambda row: (row.created_at, row.course_id), item=CourseOut.model_validate)


@router.get("/orgs/{org_id}/courses/{course_id}", responses=_READ)
async def read_course(org_id: UUID, course_id: UUID, caller: Caller, services: Services) -> CourseOut:
    return CourseOut.model_validate(await services.courses.get(caller, org_id, course_id))


@router.patch("/orgs/{org_id}/courses/{course_id}", responses=_CHANGE)
async def update_course(
    org_id: UUID, course_id: UUID, body: CoursePatch, caller: Caller, services: Services
) -> CourseOut:
    """For the org's administrators."""
    changed = await services.courses.change(caller, org_id, course_id, version=body.version, **body.changes())
    return CourseOut.model_validate(changed)


@router.delete("/orgs/{org_id}/courses/{course_id}", status_code=204, responses=_READ)
async def archive_course(org_id: UUID, course_id: UUID, caller: Caller, services: Services) -> Response:
    """No new classes of it; those that there are go on."""
    await services.courses.archive(caller, org_id, course_id)
    return Response(status_code=204)
