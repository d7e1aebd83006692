from uuid import UUID

from fastapi import APIRouter

from chassis.auth import Caller
from chassis.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from chassis.paging import Page, PageSlice, page_of
from chassis.problems import responses
from org_partner.api.wired import Services
from org_partner.schemas.enrollments import EnrollmentOut, StudentOut

router = APIRouter(tags=["enrollments"])


@router.get("/enrollments", responses=responses(Unauthenticated, Invalid, Unavailable))
async def list_own_enrollments(page: PageSlice, caller: Caller, services: Services) -> Page[EnrollmentOut]:
    """One's own."""
    rows = await services.enrollments.list_own(caller, page)
    return page_of(
        rows, page, place=lambda row: (row.enrolled_at, row.enrollment_id), item=EnrollmentOut.model_validate
    )


@router.get(
    "/classes/{class_id}/students", responses=responses(Unauthenticated, Forbidden, NotFound, Invalid, Unavailable)
)
async def list_students(class_id: UUID, page: PageSlice, caller: Caller, services: Services) -> Page[StudentOut]:
    """For the partner's staff."""
    rows = await services.enrollments.list_students(caller, class_id, page)
    return page_of(rows, page, place=lambda row: (row.enrolled_at, row.enrollment_id), item=StudentOut.model_validate)
