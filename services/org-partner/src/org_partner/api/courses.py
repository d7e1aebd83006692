from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.courses import CourseIn, CourseOut

router = APIRouter(tags=["courses"])


@router.post(
    "/orgs/{org_id}/courses",
    status_code=201,
    responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable),
)
async def create_course(org_id: UUID, body: CourseIn, caller: Caller, services: Services) -> CourseOut:
    return CourseOut.model_validate(await services.courses.create(caller, org_id, name=body.name))


@router.get("/orgs/{org_id}/courses", responses=responses(Unauthenticated, NotFound, Invalid, Unavailable))
async def list_courses(org_id: UUID, page: PageSlice, caller: Caller, services: Services) -> Page[CourseOut]:
    rows = await services.courses.list_for_org(caller, org_id, page)
    return page_of(rows, page, place=lambda row: (row.created_at, row.course_id), item=CourseOut.model_validate)
